import { fail, ok, parseJson, type Result } from '@muslin/net';
import { parseAllDocuments } from 'yaml';
import { fieldInvalid } from '../field-error.ts';
import { isList, isObject, type Json, type JsonObject, textAt } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { badRequest, failure, invalid, refuse, type Status } from '../status.ts';
import { repeatedFields } from './repeated-fields.ts';
import type { ApiRequest } from './request.ts';

const ACCEPTED = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';

/** The body's media type without parameters. */
export function mediaType(request: ApiRequest): string {
  return (request.contentType.split(';')[0] ?? '').trim().toLowerCase();
}

export function unsupportedMedia(accepted: string): Status {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return failure(415, 'UnsupportedMediaType', message);
}

/** A body as it was understood. */
export interface Body {
  readonly object: JsonObject;
  /** What it says twice, in the words that a client is told. */
  readonly repeated: readonly string[];
}

/** Parses a JSON or YAML body of an object to be stored as `kind`. */
export function readBody(request: ApiRequest, kind: Kind): Result<Body, Status> {
  const type = mediaType(request);
  const bare = request.contentType.trim() === '';
  if (!bare && type !== 'application/json' && type !== 'application/yaml')
    return refuse(unsupportedMedia(ACCEPTED));
  const unrecognized = (why: string) =>
    refuse(
      badRequest(
        `the object provided is unrecognized (must be of type ${kind.kind}): ${why} (${summary(request.body)})`,
      ),
    );
  const parsed = type === 'application/yaml' ? parseYaml(request.body) : parseText(request.body, false);
  if (!parsed.ok) {
    const yaml = parsed.fault.startsWith('yaml: ');
    return unrecognized(yaml ? parsed.fault : `couldn't get version/kind; json parse error: ${parsed.fault}`);
  }
  const repeated = type === 'application/yaml' ? (parsed as ParsedYaml).repeated : repeatedIn(request.body);
  const wrong = typeMetaFault(parsed.value);
  if (wrong !== undefined) return unrecognized(`couldn't get version/kind; json parse error: ${wrong}`);
  if (!isObject(parsed.value) || (!kind.builtIn && textAt(parsed.value, 'kind') === ''))
    return unrecognized(`Object 'Kind' is missing in '${request.body}'`);
  const typed = checkType(parsed.value, kind);
  return typed.ok ? ok({ object: typed.value, repeated }) : typed;
}

function repeatedIn(text: string): readonly string[] {
  return repeatedFields(text).map(path => `duplicate field "${path}"`);
}

/** Why kind and apiVersion can't be read. */
export function typeMetaFault(value: Json): string | undefined {
  if (value === null) return undefined;
  const goType = (json: Json | undefined) =>
    isList(json) ? 'array' : typeof json === 'boolean' ? 'bool' : typeof json;
  if (!isObject(value)) {
    const struct = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`;
    return `json: cannot unmarshal ${goType(value)} into Go value of type ${struct}`;
  }
  const wrong = ['apiVersion', 'kind'].find(
    name => !['string', 'undefined'].includes(typeof (value[name] ?? '')),
  );
  return wrong === undefined
    ? undefined
    : `json: cannot unmarshal ${goType(value[wrong])} into Go struct field .${wrong} of type string`;
}

/** The beginning of a body, as a person may recognise it. */
function summary(text: string): string {
  if (text === '') return '<empty>';
  const bytes = Buffer.from(text);
  const cut = bytes.subarray(0, 30);
  const shown = text.startsWith('{') ? cut.toString() : cut.toString('hex');
  return bytes.length > 30 ? `${shown} ...` : shown;
}

/** Parses JSON, or YAML when asked; the fault is worded as Go's decoder does. */
export function parseText(text: string, yaml: boolean): Result<Json, string> {
  if (yaml) return parseYaml(text);
  try {
    return ok(parseJson(text) as Json);
  } catch (cause) {
    return fail(jsonFault((cause as Error).message, text));
  }
}

/** What Go's decoder says where V8 says `message`. */
function jsonFault(message: string, text: string): string {
  if (/Unexpected end|Unterminated/i.test(message)) return 'unexpected end of JSON input';
  const position = Number(/at position (\d+)/.exec(message)?.[1] ?? Number.NaN);
  const token = /Unexpected token '(.)'/u.exec(message)?.[1] ?? text[position];
  if (token === undefined) return 'unexpected end of JSON input';
  const where = /after JSON at/.test(message)
    ? 'after top-level value'
    : /property name/.test(message)
      ? 'looking for beginning of object key string'
      : /property value|Unexpected number/.test(message)
        ? 'after object key:value pair'
        : /array element/.test(message)
          ? 'after array element'
          : 'looking for beginning of value';
  return `invalid character '${token}' ${where}`;
}

type ParsedYaml = { readonly ok: true; readonly value: Json; readonly repeated: readonly string[] };

/** The first document of a YAML text. Whole numbers beyond 2^53 stay what they are, as in JSON. */
function parseYaml(text: string): ParsedYaml | { readonly ok: false; readonly fault: string } {
  const documents = parseAllDocuments(text, /\d{16}/.test(text) ? { intAsBigInt: true } : {});
  const [first] = Array.isArray(documents) ? documents : [];
  if (first === undefined) return { ok: true, value: null, repeated: [] };
  const fault = first.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  if (fault !== undefined) {
    const line = fault.linePos?.[0].line ?? 1;
    return {
      ok: false,
      fault: `yaml: line ${line}: ${(fault.message.split(' at line')[0] ?? '').toLowerCase()}`,
    };
  }
  const repeated = first.errors.map(({ linePos, pos }) => {
    const name = /^[^\s:]+/.exec(text.slice(pos[0]))?.[0] ?? '';
    return `line ${linePos?.[0].line ?? 1}: key ${JSON.stringify(name)} already set in map`;
  });
  return { ok: true, value: narrowed(first.toJS()), repeated };
}
function narrowed(value: unknown): Json {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(narrowed);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, narrowed(child)]));
}

/** The body of a built-in kind may leave out its type; none may have another one. */
export function checkType(object: JsonObject, kind: Kind): Result<JsonObject, Status> {
  const [given, version] = [textAt(object, 'kind'), textAt(object, 'apiVersion')];
  const expected = apiVersionOf(kind);
  const open = kind.builtIn;
  if (((open && given === '') || given === kind.kind) && ((open && version === '') || version === expected))
    return ok(object);
  if (!kind.builtIn && version === expected) {
    const cause = fieldInvalid('kind', given, `must be ${kind.kind}`);
    return refuse(invalid({ ...kind, kind: given }, textAt(object, 'metadata', 'name'), [cause]));
  }
  if (kind.builtIn && given !== kind.kind && given !== '') {
    const short = (name: string) => `${kind.group === '' ? 'core' : kind.group.split('.')[0]}.${name}`;
    const from = `${(version || expected).split('/').at(-1)}.${given}`;
    return refuse(
      badRequest(
        `${given} in version "${(version || expected).split('/').at(-1)}" cannot be handled as a ${kind.kind}: ` +
          `converting (${from}) to (${short(kind.kind)}): unknown conversion`,
      ),
    );
  }
  return refuse(
    badRequest(
      `the API version in the data (${version}) does not match the expected API version (${expected})`,
    ),
  );
}
