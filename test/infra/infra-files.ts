// Reads the files of a deployment for the specs beside it, each with a parser of its kind.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseDocument } from 'yaml';
import { settings } from '#libs/platform';

export const root = join(import.meta.dirname, '..', '..');
export const infra = (...path: string[]): string => join(root, 'infra', ...path);
export const exists = (...path: string[]): boolean => existsSync(join(root, ...path));
export const text = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

/** As YAML 1.2 with the merge keys that compose files use; throws where the text is no YAML or says a key twice. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- documents are asserted member by member
export function yaml(source: string): any {
  const document = parseDocument(source, { merge: true, uniqueKeys: true });
  if (document.errors.length > 0) throw new Error(document.errors.map((error) => error.message).join('\n'));
  return document.toJS();
}

/** The names of the settings of docs/configuration.md. */
export function settingNames(): Set<string> {
  return new Set(settings().map(({ name }) => name));
}

/** Judges documents by a JSON Schema of test/infra/schemas; answers what is wrong. */
export function judge(schemaFile: string): (document: unknown, pointer?: string) => string[] {
  const schema = JSON.parse(text('test', 'infra', 'schemas', schemaFile)) as { $id?: string };
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
  ajv.addSchema(schema, 'schema');
  return (document, pointer = '') => {
    const validate = ajv.getSchema(`schema${pointer}`);
    if (validate === undefined) throw new Error(`${schemaFile} has no ${pointer}`);
    return validate(document)
      ? []
      : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`);
  };
}

/** The mains that exist: what a command of a container may start. */
export function mains(): Set<string> {
  return new Set(
    readdirSync(join(root, 'apps'))
      .filter((app) => exists('apps', app, 'src', 'main.ts'))
      .map((app) => `dist/apps/${app}/src/main.js`),
  );
}
