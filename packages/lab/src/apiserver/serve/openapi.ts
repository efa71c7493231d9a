import { createHash } from 'node:crypto';
import type { Api } from '../api.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Schema } from '../schema/schema.ts';
import { PATCH_TYPES } from './patch.ts';
import { type Reply, replyJson, replyPlain, replyText } from './request.ts';

interface Document {
  readonly text: string;
  readonly hash: string;
}

/** Documents of one state of the registry; kubectl asks for them with every apply. */
const known = new WeakMap<
  Registry,
  { readonly generation: number; readonly documents: ReadonlyMap<string, Document> }
>();

function documentsOf(registry: Registry): ReadonlyMap<string, Document> {
  const found = known.get(registry);
  if (found?.generation === registry.generation) return found.documents;
  const groups = new Map<string, Kind[]>();
  for (const kind of registry.all()) {
    const place = kind.group === '' ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
    groups.set(place, [...(groups.get(place) ?? []), kind]);
  }
  const documents = new Map<string, Document>();
  for (const [place, kinds] of groups) {
    const text = documentText(place, kinds);
    const hash = createHash('sha256').update(text).digest('hex').toUpperCase().slice(0, 32);
    documents.set(place, { text, hash });
  }
  known.set(registry, { generation: registry.generation, documents });
  return documents;
}

/** GET /openapi/v3 and the documents below it; undefined for a group version that is not served. */
export function serveOpenApi(api: Api, path: string): Reply | undefined {
  const documents = documentsOf(api.registry);
  if (path === '/openapi/v3') {
    const paths = [...documents].map(
      ([place, { hash }]) => [place, { serverRelativeURL: `/openapi/v3/${place}?hash=${hash}` }] as const,
    );
    return replyJson(200, { paths: Object.fromEntries(paths) });
  }
  const document = documents.get(path.replace(/^\/openapi\/v3\//, ''));
  if (document === undefined) return undefined;
  const reply = replyText(200, document.text);
  const headers = { ...reply.headers, etag: `"${document.hash}"`, 'cache-control': 'public, immutable' };
  return { ...reply, headers };
}

/** As it is asked for; the answer is named so that it parses as a media type. */
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** Field 1 of openapi.v2.Document (gnostic), `swagger`: "2.0". */
const V2_EMPTY = '\n\u00032.0';

/**
 * GET /openapi/v2: a document that describes nothing. kubectl asks for it when it is given a `List`, whose kind is in no
 * newer document, and leaves it to the server to judge the items that this one does not describe.
 */
export function serveOpenApiV2(accept: string): Reply {
  if (accept.includes(V2_PROTOBUF)) return replyPlain(200, V2_EMPTY, V2_PROTOBUF.replace('@', '.'));
  return replyJson(200, { swagger: '2.0', info: { title: 'Muslin lab', version: '1' }, paths: {} });
}

/** Types that kubectl explain names rather than spells out. */
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const SHARED: Readonly<Record<string, Json>> = {
  [INT_OR_STRING]: { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
  [QUANTITY]: { oneOf: [{ type: 'string' }, { type: 'number' }] },
};

const schemas = new WeakMap<Kind, JsonObject>();

function documentText(place: string, kinds: readonly Kind[]): string {
  const paths: Record<string, Json> = {};
  const schemas: Record<string, Json> = { ...SHARED };
  for (const kind of kinds) {
    const name = schemaName(kind);
    schemas[name] = schemaOf(kind);
    schemas[`${name}List`] = listSchema(kind, name);
    const scope = kind.namespaced ? '/namespaces/{namespace}' : '';
    const collection = `/${place}${scope}/${kind.plural}`;
    paths[collection] = {
      get: operation(kind, 'list', `${name}List`),
      post: operation(kind, 'post', name, true),
    };
    paths[`${collection}/{name}`] = {
      get: operation(kind, 'get', name),
      put: operation(kind, 'put', name, true),
      patch: { ...operation(kind, 'patch', name, true), requestBody: { content: patchContent(kind) } },
      delete: operation(kind, 'delete', name),
    };
  }
  return JSON.stringify({
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths,
    components: { schemas },
  });
}

/** `io.k8s.api.core.v1.Pod` for built-in kinds, `io.example.v1.Foo` for group example.io. */
function schemaName(kind: Kind): string {
  const group = kind.group === '' ? 'core' : kind.group;
  if (kind.builtIn) return `io.k8s.api.${group.split('.')[0]}.${kind.version}.${kind.kind}`;
  return `${group.split('.').reverse().join('.')}.${kind.version}.${kind.kind}`;
}

function gvk(kind: Kind, name = kind.kind): JsonObject {
  return { group: kind.group, version: kind.version, kind: name };
}

function schemaOf(kind: Kind): JsonObject {
  let found = schemas.get(kind);
  if (found === undefined) {
    found = {
      ...(publicSchema(kind.schema, kind.builtIn) as JsonObject),
      'x-kubernetes-group-version-kind': [gvk(kind)],
    };
    schemas.set(kind, found);
  }
  return found;
}

function listSchema(kind: Kind, name: string): JsonObject {
  return {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      items: { type: 'array', items: { $ref: `#/components/schemas/${name}` } },
    },
    'x-kubernetes-group-version-kind': [gvk(kind, kind.listKind)],
  };
}

/** What kubectl looks for: the kind of an operation, and whether it takes fieldValidation and dryRun. */
function operation(kind: Kind, action: string, schema: string, writes = false): JsonObject {
  const parameter = (name: string) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
  const ok = {
    description: 'OK',
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
  };
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(kind),
    parameters: writes ? ['dryRun', 'fieldManager', 'fieldValidation'].map(parameter) : [],
    responses: { 200: ok },
  };
}

/** kubectl sends the patch types that it finds here. */
function patchContent(kind: Kind): JsonObject {
  const types = kind.builtIn ? PATCH_TYPES : PATCH_TYPES.filter(type => !type.includes('strategic'));
  return Object.fromEntries(types.map(type => [type, { schema: { type: 'object' } }]));
}

/** A schema as OpenAPI documents show it: int-or-string is spelled out, our own marks are left out. */
function publicSchema(schema: Schema, builtIn: boolean): Json {
  if (builtIn && schema['x-kubernetes-int-or-string'] === true) {
    return {
      allOf: [{ $ref: `#/components/schemas/${schema.format === 'quantity' ? QUANTITY : INT_OR_STRING}` }],
    };
  }
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'x-muslin-keep-empty') continue;
    out[key] = value as Json;
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    out['oneOf'] = [{ type: 'integer' }, { type: 'string' }];
    out['format'] = 'int-or-string';
  }
  if (schema.properties !== undefined) {
    out['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([name, child]) => [name, publicSchema(child, builtIn)]),
    );
  }
  if (schema.items !== undefined) out['items'] = publicSchema(schema.items, builtIn);
  if (typeof schema.additionalProperties === 'object')
    out['additionalProperties'] = publicSchema(schema.additionalProperties, builtIn);
  return out;
}
