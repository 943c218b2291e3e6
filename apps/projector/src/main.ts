// 4 project · `npm run start:projector`: the projector as a process of its own; any number may run, one leads.
import { runRole } from '#libs/composition';
import { ProjectorModule } from './projector.module.js';

runRole({ name: 'projector', module: ProjectorModule, port: (config) => config.projectorPort });
