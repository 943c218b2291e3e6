// 5 react · `npm run start:orchestrator`: the orchestrator as a process of its own; when one dies, another goes on within seconds.
import { runRole } from '#libs/composition';
import { OrchestratorModule } from './orchestrator.module.js';

runRole({ name: 'orchestrator', module: OrchestratorModule, port: (config) => config.orchestratorPort });
