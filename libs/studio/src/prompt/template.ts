// 2 decide · reads a prompt template and fills it in: `{{name}}` stands for a variable, everything else for itself; called when a version is added and rendered.
import { shortestDecimal, type JsonObject, type JsonValue, type Refusal } from '#libs/kernel';
import { refuseFields, type FieldError } from '#libs/catalogue';
import { invalid, variablePointer } from '../checks.js';

export const TEMPLATE_CHARACTERS_MAX = 20_000;
export const RENDERED_CHARACTERS_MAX = 20_000;
export const VARIABLE_NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const VARIABLES_MAX = 100;

/** Text and variables in turn. */
export type TemplatePart = { text: string } | { variable: string };

/** Refused with the place of the first fault: an opening without its end, or a name that is none. */
export function parseTemplate(template: string): TemplatePart[] | Refusal<'validation_failed'> {
  const parts: TemplatePart[] = [];
  let from = 0;
  for (;;) {
    const open = template.indexOf('{{', from);
    if (open === -1) break;
    const close = template.indexOf('}}', open + 2);
    if (close === -1) return invalid('/template', `has {{ at character ${open + 1} that is never closed by }}`);
    const variable = template.slice(open + 2, close).trim();
    if (!VARIABLE_NAME_PATTERN.test(variable))
      return invalid(
        '/template',
        `has {{${variable.slice(0, 64)}}} at character ${open + 1}: a name matches ${VARIABLE_NAME_PATTERN.source}`,
      );
    if (open > from) parts.push({ text: template.slice(from, open) });
    parts.push({ variable });
    from = close + 2;
  }
  if (from < template.length) parts.push({ text: template.slice(from) });
  return parts;
}

/** The names, in the order of their first use. */
export function variablesOfTemplate(parts: readonly TemplatePart[]): string[] {
  return [...new Set(parts.flatMap((part) => ('variable' in part ? [part.variable] : [])))];
}

/** Null where nothing is wrong with it. */
export function checkTemplate(template: string): Refusal<'validation_failed'> | null {
  if (typeof template !== 'string' || template.trim() === '' || template.length > TEMPLATE_CHARACTERS_MAX)
    return invalid('/template', `must have 1 to ${TEMPLATE_CHARACTERS_MAX} characters`);
  const parts = parseTemplate(template);
  if (!Array.isArray(parts)) return parts;
  if (variablesOfTemplate(parts).length > VARIABLES_MAX) return invalid('/template', `must have at most ${VARIABLES_MAX} variables`);
  return null;
}

/**
 * `fields` are the brief's own, `variables` what the caller adds: they may not repeat a field, must all be used, and none that is used may be
 * missing. What is filled in is never read as a template again.
 */
export function renderTemplate(
  template: string,
  fields: ReadonlyMap<string, JsonValue>,
  variables: JsonObject,
): string | Refusal<'validation_failed'> {
  const parts = parseTemplate(template);
  if (!Array.isArray(parts)) return parts;
  const used = variablesOfTemplate(parts);
  const values = new Map(fields);
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(variables)) {
    const at = variablePointer(name);
    if (fields.has(name)) errors.push({ pointer: at, detail: 'is supplied by the brief and may not be given again' });
    else if (!used.includes(name)) errors.push({ pointer: at, detail: 'is unknown: the template has no such variable' });
    else if (textOf(value) === null) errors.push({ pointer: at, detail: 'must be a text, a number, true or false, or a list of these' });
    else values.set(name, value as JsonValue);
  }
  for (const name of used) {
    if (!values.has(name) && !Object.hasOwn(variables, name)) errors.push({ pointer: variablePointer(name), detail: 'is missing' });
  }
  if (errors.length > 0) return refuseFields(errors);
  const text = parts.map((part) => ('text' in part ? part.text : textOf(values.get(part.variable)))).join('');
  if (text.length > RENDERED_CHARACTERS_MAX) return invalid('/variables', `make a text of more than ${RENDERED_CHARACTERS_MAX} characters`);
  return text;
}

/** `a, b and c`. */
export function joinNaturally(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) as string}`;
}

/** Null for what cannot stand in a text. */
function textOf(value: JsonValue | undefined): string | null {
  if (Array.isArray(value)) {
    const items = value.map((item) => (Array.isArray(item) ? null : textOf(item)));
    return items.every((item) => item !== null) ? joinNaturally(items) : null;
  }
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return value < 0 ? `-${shortestDecimal(-value) ?? ''}` : shortestDecimal(value);
    case 'boolean':
      return String(value);
    default:
      return null;
  }
}
