// 1 HTTP in · decides whether the members of a task go together: a prompt of its own, or one that is rendered for a brief.
import type { PipeTransform } from '@nestjs/common';
import { VARIABLE_NAME_PATTERN } from '#libs/studio';
import { invalid } from '../problems/problem.js';
import { checked } from '../validation/checked.js';
import { errorsOf, escaped, type FieldError } from '../validation/dto.check.js';
import { isJsonObject } from '../validation/rules.js';
import { CreateTaskDto } from './tasks.dto.js';

/** As {@link checked}, and refuses with every member at fault. */
export function checkedTask(body: unknown): CreateTaskDto {
  if (!isJsonObject(body) || isPlain(body)) return checked(CreateTaskDto, body);
  const together = togetherErrors(body);
  if (together.length === 0) return checked(CreateTaskDto, body);
  const own = errorsOf(CreateTaskDto, body);
  const known = new Set(own.map(({ pointer }) => pointer));
  throw invalid([...own, ...together.filter(({ pointer }) => !known.has(pointer))]);
}

/** `@Body(new CheckedTask())` */
export class CheckedTask implements PipeTransform<unknown, CreateTaskDto> {
  transform(body: unknown): CreateTaskDto {
    return checkedTask(body);
  }
}

/** Nothing of it is to be rendered: by far the most. */
function isPlain({ prompt, promptVersionId, variables }: Record<string, unknown>): boolean {
  return isGiven(prompt) && !isGiven(promptVersionId) && !isGiven(variables);
}

function togetherErrors({ prompt, briefId, promptVersionId, variables }: Record<string, unknown>): FieldError[] {
  const errors: FieldError[] = [];
  if (isGiven(promptVersionId)) {
    if (!isGiven(briefId))
      errors.push({ pointer: '/briefId', detail: 'is needed with promptVersionId: the prompt is rendered for a brief' });
    if (isGiven(prompt)) errors.push({ pointer: '/prompt', detail: 'must be absent with promptVersionId: the prompt is rendered' });
  } else {
    if (!isGiven(prompt))
      errors.push({ pointer: '/prompt', detail: 'must be a text, or promptVersionId must say what it is rendered from' });
    if (isGiven(variables)) errors.push({ pointer: '/variables', detail: 'need promptVersionId: a prompt of the task’s own has none' });
  }
  if (!isJsonObject(variables)) return errors;
  for (const name of Object.keys(variables)) {
    if (VARIABLE_NAME_PATTERN.test(name)) continue;
    errors.push({ pointer: `/variables/${escaped(name)}`, detail: `is no variable: a name matches ${VARIABLE_NAME_PATTERN.source}` });
  }
  return errors;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
