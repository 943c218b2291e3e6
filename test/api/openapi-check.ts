// Holds real answers against the OpenAPI document: used on every call that the API's specs make.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { API_CONTROLLERS, openApiDocument } from '#apps/api';

type Schema = Record<string, unknown>;
interface Operation {
  operationId: string;
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: Schema }> }>;
}

const document = openApiDocument(API_CONTROLLERS);
const components = document['components'] as { responses: Operation['responses'] };
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'doc', ...document });
const routes = Object.entries(document.paths).map(([path, methods]) => ({
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{[A-Za-z]+\}/g, '[^/]+')}$`),
  isExact: !path.includes('{'),
  methods: methods as unknown as Record<string, Operation>,
}));
const validators = new Map<string, ValidateFunction>();

/** Operations that were answered with the status that they promise, by operationId. */
const seenOperations = new Set<string>();
const allOperations = Object.values(document.paths)
  .flatMap((methods) => Object.values(methods))
  .map((operation) => ({ id: operation['operationId'] as string, tag: (operation['tags'] as string[])[0] as string }));

/** Tags whose operations have a spec file of their own. */
export const TAGS_ELSEWHERE = ['Disputes', 'Adjustments', 'Finance', 'Ledger', 'Support', 'Studio', 'Assets'] as const;

/** Operations that were never answered as they promise by the specs of this file. */
export function unseenOperations(isMeant: (tag: string) => boolean): string[] {
  return allOperations.filter(({ id, tag }) => isMeant(tag) && !seenOperations.has(id)).map(({ id }) => id);
}

/** Throws where the answer is not what the document says. Paths that it does not know are left alone. */
export function holdAgainstDocument(method: string, path: string, status: number, contentType: string, body: unknown): void {
  const bare = path.split('?')[0] as string;
  const operation = routes
    .filter((route) => route.pattern.test(bare))
    .sort((a, b) => Number(b.isExact) - Number(a.isExact))
    .map((route) => route.methods[method.toLowerCase()])
    .find((found) => found !== undefined);
  if (operation === undefined) return;
  const named = operation.responses[String(status)];
  if (named === undefined)
    throw new Error(`${method} ${bare} answered ${status}, which the document does not name: ${JSON.stringify(body)}`);
  const response = named.$ref ? components.responses[named.$ref.split('/').at(-1) as string] : named;
  if (status < 300) seenOperations.add(operation.operationId);
  if (response?.content === undefined) return;
  const mediaType = (contentType.split(';')[0] as string).trim();
  const content = response.content[mediaType];
  if (content === undefined) throw new Error(`${method} ${bare} answered ${status} as ${mediaType}`);
  if (!/[/+]json$/.test(mediaType)) return;
  const name = `${operation.operationId} ${status}`;
  let validate = validators.get(name);
  if (validate === undefined) {
    const schema = JSON.parse(JSON.stringify(content.schema).replaceAll('"#/components', '"doc#/components')) as Schema;
    validators.set(name, (validate = ajv.compile(schema)));
  }
  if (!validate(body))
    throw new Error(
      `${method} ${bare} ${status} is not what the document says: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`,
    );
}
