// The API's public face: what the mains compose, and the DTO that the bench compares itself with.
export * from './api.module.js';
export * from './create-api.js';
export { API_CONTROLLERS } from './api.controllers.js';
export { DEPLOYMENT_TENANT, SCOPES, type Scope } from './keys/api-key.js';
export { ApiKeys } from './keys/api-keys.service.js';
export { openApiDocument } from './openapi/openapi.document.js';
export { errorsDocument } from './problems/errors.document.js';
export { CreateTaskDto } from './tasks/tasks.dto.js';
