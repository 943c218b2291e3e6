// 6 publish · `npm run start:relay`: the relay as a process of its own; any number may run, one publishes.
import { runRole } from '#libs/composition';
import { RelayModule } from './relay.module.js';

runRole({ name: 'relay', module: RelayModule, port: (config) => config.relayPort, needsKafka: true });
