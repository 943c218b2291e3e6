// 1 HTTP in · hands controllers bodies and queries that are what their DTO says, or refuses with every member at fault.
import type { PipeTransform } from '@nestjs/common';
import { invalid } from '../problems/problem.js';
import { checkOf, errorsOf } from './dto.check.js';
import { isJsonObject, type Dto } from './rules.js';

/** The body as an instance-shaped plain object; members that are null are left out, as if they had not been sent. */
export function checked<T extends object>(dto: new () => T, body: unknown): T {
  if (!isJsonObject(body) || !checkOf(dto)(body)) throw invalid(faultsOf(dto, body));
  return withoutNulls(body) as T;
}

function faultsOf(dto: Dto, body: unknown): ReturnType<typeof errorsOf> {
  const errors = errorsOf(dto, body);
  return errors.length > 0 ? errors : [{ pointer: '', detail: 'is not what this route takes' }];
}

function withoutNulls(body: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(body)) {
    if (body[name] === null) return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  }
  return body;
}

/** `@Body(new CheckedBody(Dto))`. The body as parsed stays on the request: the request's hash is taken over it. */
export class CheckedBody<T extends object> implements PipeTransform<unknown, T> {
  constructor(
    private readonly dto: new () => T,
    private readonly options: { optional?: boolean } = {},
  ) {}

  transform(body: unknown): T {
    return checked(this.dto, body === undefined && this.options.optional === true ? {} : body);
  }
}

/** `@Query(new CheckedQuery(Dto))`: a parameter given twice is a list and fails its rule. */
export class CheckedQuery<T extends object> implements PipeTransform<unknown, T> {
  constructor(private readonly dto: new () => T) {}

  transform(query: unknown): T {
    return checked(this.dto, query);
  }
}
