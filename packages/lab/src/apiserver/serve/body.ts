import { ok, parseJson, type Result } from '@muslin/net';
import { parse } from 'yaml';
import { isObject, type Json, type JsonObject, textAt } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import { badRequest, failure, refuse, type Status } from '../status.ts';
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

/** Parses a JSON or YAML body of an object to be stored as `kind`. */
export function readBody(request: ApiRequest, kind: Kind): Result<JsonObject, Status> {
  const type = mediaType(request);
  if (type !== '' && type !== 'application/json' && type !== 'application/yaml') {
    return refuse(unsupportedMedia(ACCEPTED));
  }
  const parsed = parseText(request.body, type === 'application/yaml');
  if (!parsed.ok) {
    const why = `couldn't get version/kind; json parse error: ${parsed.fault} (${request.body.slice(0, 64)})`;
    return refuse(badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): ${why}`));
  }
  if (!isObject(parsed.value)) {
    return refuse(
      badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): it is no object`),
    );
  }
  return checkType(parsed.value, kind);
}

/** Parses JSON, or YAML when asked; the fault is worded as Go's decoder does for the common cases. */
export function parseText(text: string, yaml: boolean): Result<Json, string> {
  try {
    return ok((yaml ? parseYaml(text) : parseJson(text)) as Json);
  } catch (cause) {
    const message = (cause as Error).message;
    const ended = /Unexpected end|Expected property name|Unterminated/i.test(message);
    return { ok: false, fault: ended ? 'unexpected end of JSON input' : message };
  }
}

/** Whole numbers beyond 2^53 stay what they are, as in JSON. */
function parseYaml(text: string): unknown {
  return /\d{16}/.test(text) ? parse(text, narrowed, { intAsBigInt: true }) : parse(text);
}

function narrowed(_key: unknown, value: unknown): unknown {
  const small = typeof value === 'bigint' && Number.isSafeInteger(Number(value));
  return small ? Number(value) : value;
}

/** A body may leave out its type, but not have another one. */
export function checkType(object: JsonObject, kind: Kind): Result<JsonObject, Status> {
  const [given, version] = [textAt(object, 'kind'), textAt(object, 'apiVersion')];
  const expected = apiVersionOf(kind);
  if ((given === '' || given === kind.kind) && (version === '' || version === expected)) return ok(object);
  if (given !== kind.kind && given !== '') {
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
