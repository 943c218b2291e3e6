// 1 HTTP in · how a route declares itself: its scope, its body, its answers; the hooks, the guard and the OpenAPI document read it.
import { applyDecorators, SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Scope } from '../keys/api-key.js';
import type { Dto, JsonSchema } from '../validation/rules.js';

export interface EndpointSpec {
  /** The operationId. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  /** Null: any API key will do. */
  scope: Scope | null;
  /** Another scope that will do as well. */
  orScope?: Scope;
  /** Models, plans and the test clock are the deployment's: keys of its own tenant only. */
  deployment?: true;
  /** No API key is asked for. */
  open?: true;
  body?: Dto;
  /** The body may be left out. */
  bodyOptional?: true;
  /** The body is a file of one of these types, streamed and of any size; such a route takes no Idempotency-Key. */
  upload?: readonly string[];
  query?: Dto;
  /** Status and the name of the answer's schema in the document; null for no body. */
  answer: {
    status: number;
    schema: string | null;
    mediaTypes?: readonly string[];
    /** Other statuses with the same answer. */ also?: readonly number[];
  };
  /** Codes beside those that every such route may answer with. */
  problems?: readonly string[];
  example?: JsonSchema;
}

export const ENDPOINT = 'rollcredits:endpoint';

/** Declares a route. Stands below the method's `@Get()`, `@Post()`, …. */
export function Endpoint(spec: EndpointSpec): MethodDecorator {
  return applyDecorators(SetMetadata(ENDPOINT, spec), RouteConfig({ endpoint: spec }));
}
