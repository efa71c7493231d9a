import { fail } from '@muslin/net';
import type { JsonObject } from './json.ts';

/** StatusCause v1 meta. */
export interface Cause extends JsonObject {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** Status v1 meta with status Failure: how the API says what went wrong. */
export interface Status extends JsonObject {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: JsonObject;
  readonly status: 'Failure';
  readonly message: string;
  readonly reason?: string;
  readonly details?: JsonObject;
  readonly code: number;
}

/** Which resource a fault is about: `group` '' is the core group. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

export function failure(code: number, reason: string, message: string, details?: JsonObject): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
}

function detailsOf(subject: Subject, name: string, kind: string, extra: JsonObject = {}): JsonObject {
  return {
    ...(name === '' ? {} : { name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    ...(kind === '' ? {} : { kind }),
    ...extra,
  };
}

/** `foos.example.io`, or `configmaps` in the core group. */
function qualified(subject: Subject): string {
  return subject.group === '' ? subject.plural : `${subject.plural}.${subject.group}`;
}

export const badRequest = (message: string) => failure(400, 'BadRequest', message);
export const internalError = (message: string) => failure(500, '', message);
export const notAllowed = () =>
  failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const notSupported = (subject: Subject, verb: string) =>
  failure(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind "${qualified(subject)}"`,
    detailsOf(subject, '', subject.plural),
  );
export const noSuchResource = () =>
  failure(404, 'NotFound', 'the server could not find the requested resource', {});
export const notFound = (subject: Subject, name: string) =>
  failure(
    404,
    'NotFound',
    `${qualified(subject)} "${name}" not found`,
    detailsOf(subject, name, subject.plural),
  );
export const alreadyExists = (subject: Subject, name: string, leaving = false) =>
  failure(
    409,
    'AlreadyExists',
    `${leaving ? 'object is being deleted: ' : ''}${qualified(subject)} "${name}" already exists`,
    detailsOf(subject, name, subject.plural),
  );
export const gone = (message: string) => failure(410, 'Expired', message);

/** 409: somebody else was faster (resourceVersion), or a precondition does not hold. */
export function conflict(
  subject: Subject,
  name: string,
  why: string,
  by: 'plural' | 'kind' = 'plural',
): Status {
  const what = qualified(by === 'plural' ? subject : { ...subject, plural: subject.kind });
  const kind = by === 'plural' ? subject.plural : subject.kind;
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${what} "${name}": ${why}`,
    detailsOf(subject, name, kind),
  );
}

export const MODIFIED_MEANWHILE =
  'the object has been modified; please apply your changes to the latest version and try again';

export function forbidden(
  subject: Subject,
  name: string,
  why: string,
  causes: readonly Cause[] = [],
): Status {
  const what =
    name === '' ? `${qualified(subject)} is forbidden` : `${qualified(subject)} "${name}" is forbidden`;
  const extra = causes.length === 0 ? {} : { causes };
  return failure(403, 'Forbidden', `${what}: ${why}`, detailsOf(subject, name, subject.plural, extra));
}

/** 422 with one cause per field, worded as field.ErrorList does. */
export function invalid(
  subject: Subject,
  name: string,
  causes: readonly Cause[],
  kind = subject.kind,
): Status {
  const lines = [...new Set(causes.map(cause => `${cause.field}: ${cause.message}`))];
  const all = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  const what = subject.group === '' ? kind : `${kind}.${subject.group}`;
  return failure(
    422,
    'Invalid',
    `${what} "${name}" is invalid: ${all}`,
    detailsOf(subject, name, kind, { causes }),
  );
}

/** `return refuse(status)`: a fault as a result. */
export const refuse = fail<Status>;
