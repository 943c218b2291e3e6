// 1 HTTP in · knows every route that was registered, so that a wrong method is told from a wrong path.
import type { FastifyRequest } from 'fastify';
import { ApiProblem } from '../problems/problem.js';
import { pathOf } from './exchange.js';

export class RouteTable {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  add(method: string | string[], url: string): void {
    if (url === '' || url.includes('*')) return;
    let route = this.#routes.get(url);
    if (route === undefined) {
      const pattern = new RegExp(`^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/:[A-Za-z]+/g, '[^/]+')}$`);
      this.#routes.set(url, (route = { pattern, methods: new Set() }));
    }
    for (const one of [method].flat()) route.methods.add(one);
  }

  refusalOf(request: FastifyRequest): ApiProblem {
    const path = pathOf(request);
    const methods = new Set<string>();
    // A path such as /v1/tasks/batch fits two routes; both answer for their methods.
    for (const route of this.#routes.values()) if (route.pattern.test(path)) for (const method of route.methods) methods.add(method);
    if (methods.size === 0 || methods.has(request.method)) return new ApiProblem('not_found', 'There is no such route.');
    const allow = [...methods].sort().join(', ');
    return new ApiProblem('method_not_allowed', `This route takes ${allow}.`, { allow: [...methods].sort() }, { Allow: allow });
  }
}
