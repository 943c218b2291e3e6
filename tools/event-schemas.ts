// Makes the JSON Schema (2020-12) of every published fact from its type in the code; `npm run docs` writes them to docs/events, a test diffs them.
import ts from 'typescript';
import { declaredFacts, oneLine, type DeclaredFact } from './events-docs.js';

export interface JsonSchema {
  [keyword: string]: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: unknown[];
  type?: string | string[];
  $defs?: Record<string, JsonSchema>;
  $ref?: string;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** Types whose form says more than their members do. */
const KNOWN: Readonly<Record<string, JsonSchema>> = {
  Iso: { type: 'string', format: 'date-time' },
  Credits: { type: 'integer' },
  JsonObject: { type: 'object' },
  JsonValue: {},
  ErasableRef: {
    type: 'object',
    description:
      'A text that can be forgotten: its salted digest, and the text itself only where the deployment publishes texts and it was not erased.',
    properties: { $erasable: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' }, $text: {} },
    required: ['$erasable'],
  },
};

/** Path below docs/events → schema. `root` is the checkout. */
export function eventSchemas(root: string): Map<string, JsonSchema> {
  const { checker, sources } = declaredFacts(root);
  const schemas = new Map<string, JsonSchema>();
  for (const { source, facts } of sources) {
    if (source.published === undefined) continue;
    const { category, versions } = source.published;
    for (const declared of facts) {
      const version = versions[declared.name];
      if (version === undefined) throw new Error(`${declared.name} has no schema version`);
      schemas.set(`${category}/${declared.name}.v${version}.schema.json`, schemaOf(declared, category, version, checker));
    }
  }
  return schemas;
}

function schemaOf(declared: DeclaredFact, category: string, version: number, checker: ts.TypeChecker): JsonSchema {
  const defs: Record<string, JsonSchema> = {};
  const { type, properties, required } = new SchemaMaker(checker, declared.file, defs).object(declared.data);
  const names = Object.keys(defs).sort();
  return {
    $schema: DIALECT,
    $id: `urn:rollcredits:event:${category}:${declared.name}:v${version}`,
    title: declared.name,
    ...(declared.meaning === null ? {} : { description: declared.meaning }),
    type,
    properties,
    required,
    ...(names.length === 0 ? {} : { $defs: Object.fromEntries(names.map((name) => [name, defs[name]!])) }),
  };
}

class SchemaMaker {
  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly file: ts.SourceFile,
    private readonly defs: Record<string, JsonSchema>,
  ) {}

  /** Objects stay open: a consumer must not mind a property that it does not know. */
  object(type: ts.Type): JsonSchema {
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    for (const property of this.checker.getPropertiesOfType(type)) {
      const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
      properties[property.name] = this.property(property);
      if (!isOptional) required.push(property.name);
    }
    const values = this.checker.getIndexTypeOfType(type, ts.IndexKind.String);
    if (values !== undefined) return { type: 'object', additionalProperties: this.schema(values, undefined) };
    return { type: 'object', properties, required };
  }

  private property(property: ts.Symbol): JsonSchema {
    const type = this.checker.getTypeOfSymbolAtLocation(property, this.file);
    const declaration = property.declarations?.find(ts.isPropertySignature);
    const schema = this.schema(type, declaration?.type);
    const meaning = oneLine(ts.displayPartsToString(property.getDocumentationComment(this.checker)));
    return meaning === '' ? schema : { description: meaning, ...schema };
  }

  /** `node` is how the type was written: an alias of a plain string or number is known by nothing else. */
  private schema(type: ts.Type, node: ts.TypeNode | undefined): JsonSchema {
    const known = this.known(type, node);
    if (known !== null) return known;
    if (type.isUnion()) return this.union(type, node);
    if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
    if ((type.flags & ts.TypeFlags.BooleanLiteral) !== 0) return { const: this.checker.typeToString(type) === 'true' };
    if ((type.flags & ts.TypeFlags.String) !== 0) return { type: 'string' };
    // Facts hold whole numbers only: a fraction is a decimal string.
    if ((type.flags & ts.TypeFlags.Number) !== 0) return { type: 'integer' };
    if ((type.flags & ts.TypeFlags.Boolean) !== 0) return { type: 'boolean' };
    if ((type.flags & ts.TypeFlags.Null) !== 0) return { type: 'null' };
    if (this.checker.isArrayType(type)) return this.array(type, node);
    if ((type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0) return this.named(type);
    throw new Error(`no JSON Schema for ${this.checker.typeToString(type)}`);
  }

  private known(type: ts.Type, node: ts.TypeNode | undefined): JsonSchema | null {
    const written = node !== undefined && ts.isTypeReferenceNode(node) ? node.typeName.getText() : undefined;
    for (const name of [written, type.aliasSymbol?.name]) {
      if (name !== undefined && Object.hasOwn(KNOWN, name)) return this.define(name, () => KNOWN[name]!, name === 'ErasableRef');
    }
    return null;
  }

  private array(type: ts.Type, node: ts.TypeNode | undefined): JsonSchema {
    const [item] = this.checker.getTypeArguments(type as ts.TypeReference);
    const written = node !== undefined && ts.isArrayTypeNode(node) ? node.elementType : undefined;
    return { type: 'array', items: this.schema(item!, written) };
  }

  private union(type: ts.UnionType, node: ts.TypeNode | undefined): JsonSchema {
    const isWritten = (part: ts.TypeNode): boolean => part.kind !== ts.SyntaxKind.UndefinedKeyword && !isNull(part);
    const written = node !== undefined && ts.isUnionTypeNode(node) ? node.types.filter(isWritten) : [];
    const isBoolean = type.types.filter((part) => (part.flags & ts.TypeFlags.BooleanLiteral) !== 0).length === 2;
    const literals: unknown[] = [];
    const others: JsonSchema[] = [];
    for (const part of type.types) {
      // An optional property is one that may be absent; undefined is nothing in JSON.
      if ((part.flags & ts.TypeFlags.Undefined) !== 0) continue;
      if (isBoolean && (part.flags & ts.TypeFlags.BooleanLiteral) !== 0) continue;
      if (part.isStringLiteral() || part.isNumberLiteral()) literals.push(part.value);
      else others.push(this.schema(part, written.length === 1 && (part.flags & ts.TypeFlags.Null) === 0 ? written[0] : undefined));
    }
    if (isBoolean) others.unshift({ type: 'boolean' });
    if (literals.length > 0) others.unshift({ enum: literals.sort() });
    return alternatives(others);
  }

  private named(type: ts.Type): JsonSchema {
    const name = type.aliasSymbol?.name ?? type.symbol.name;
    const isAnonymous = name.startsWith('__') || (type.flags & ts.TypeFlags.Intersection) !== 0;
    return isAnonymous ? this.object(type) : this.define(name, () => this.object(type), true);
  }

  private define(name: string, make: () => JsonSchema, shared: boolean): JsonSchema {
    if (!shared) return make();
    if (!Object.hasOwn(this.defs, name)) {
      // Written before it is made, for a type that speaks of itself.
      this.defs[name] = {};
      this.defs[name] = make();
    }
    return { $ref: `#/$defs/${name}` };
  }
}

/** In an order of their own: the compiler's depends on what it happened to read first. A scalar that may be null is one type of two names. */
function alternatives(schemas: readonly JsonSchema[]): JsonSchema {
  const others = schemas.filter(({ type }) => type !== 'null').sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const isNullable = others.length < schemas.length;
  const [only] = others;
  if (!isNullable) return others.length === 1 ? only! : { anyOf: others };
  if (others.length === 1 && typeof only!.type === 'string' && only!.type !== 'object') return { ...only, type: [only!.type, 'null'] };
  return { anyOf: [...others, { type: 'null' }] };
}

function isNull(node: ts.TypeNode): boolean {
  return ts.isLiteralTypeNode(node) && node.literal.kind === ts.SyntaxKind.NullKeyword;
}
