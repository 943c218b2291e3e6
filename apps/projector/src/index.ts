// The projector's public face.
export { Projector, ProjectorModule } from './projector.module.js';
