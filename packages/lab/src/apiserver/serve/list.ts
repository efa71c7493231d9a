import { ok, type Result } from '@muslin/net';
import type { Api } from '../api.ts';
import { fieldForbidden, fieldUnsupported } from '../field-error.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kube-object.ts';
import * as faults from '../status.ts';
import { badRequest, type Cause, failure, refuse, type Status } from '../status.ts';
import { readSelection, type Selection } from './selection.ts';

/** One page of a collection, still in stored form. */
export interface Page {
  readonly objects: readonly KubeObject[];
  /** ListMeta. */
  readonly metadata: JsonObject;
}

interface Token {
  readonly v: string;
  readonly rv: number;
  readonly start: string;
}

/** 422 about a parameter of a list or watch. */
export function invalidListOptions(field: string, why: string): Status {
  return refusedOptions([fieldForbidden(field, why)]);
}

/** 422 about parameters of a list or watch. */
export function refusedOptions(causes: readonly Cause[]): Status {
  return faults.invalid({ group: 'meta.k8s.io', plural: '', kind: 'ListOptions' }, '', causes);
}

/** Reads one page (Kubernetes API concepts: Retrieving large results sets in chunks; Resource versions). */
export function listObjects(
  api: Api,
  kind: Kind,
  namespace: string,
  query: URLSearchParams,
): Result<Page, Status> {
  const selection = readSelection(kind, namespace, query);
  if (!selection.ok) return selection;
  const limited = query.get('limit') ?? '';
  if (!/^-?\d*$/.test(limited)) {
    const why = `strconv.ParseInt: parsing ${JSON.stringify(limited)}: invalid syntax`;
    return refuse(badRequest(why));
  }
  const continued = query.get('continue') ?? '';
  const asked = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  // Whoever takes any state gets it from the cache, all at once.
  const limit = asked === '0' && continued === '' ? 0 : Number(limited);
  const fault = checkListOptions(query) ?? checkVersion(api, asked, match, continued);
  if (fault !== undefined) return refuse(fault);

  let revision = api.store.revision;
  let start = '';
  if (continued !== '') {
    const token = readToken(continued);
    if (!token.ok) return token;
    // −1 marks a token that may go on from newer state (after a 410).
    revision = token.value.rv < 0 ? api.store.revision : token.value.rv;
    start = token.value.start;
    const rows = api.store.listAt(kind.storage, revision);
    if (rows === undefined) return refuse(expired(start));
  } else if (match === 'Exact') revision = Number(asked);
  const rows = api.store.listAt(kind.storage, revision);
  if (rows === undefined) return refuse(faults.gone(`The provided resource version is too old`));
  return ok(pageOf(rows, selection.value, revision, start, limit));
}

function pageOf(
  rows: readonly (readonly [string, KubeObject])[],
  selection: Selection,
  revision: number,
  start: string,
  limit: number,
): Page {
  const chosen = rows.filter(([key, object]) => key >= start && selection.matches(object));
  const shown = limit > 0 ? chosen.slice(0, limit) : chosen;
  const remaining = chosen.length - shown.length;
  const last = shown.at(-1)?.[0] ?? '';
  return {
    objects: shown.map(([, object]) => object),
    metadata: {
      resourceVersion: String(revision),
      ...(remaining > 0
        ? { continue: writeToken({ v: 'meta.k8s.io/v1', rv: revision, start: `${last}\0` }) }
        : {}),
      ...(remaining > 0 && !selection.selective ? { remainingItemCount: remaining } : {}),
    },
  };
}

function checkListOptions(query: URLSearchParams): Status | undefined {
  const match = query.get('resourceVersionMatch') ?? '';
  const matches = ['Exact', 'NotOlderThan', ''];
  if (!matches.includes(match))
    return refusedOptions([fieldUnsupported('resourceVersionMatch', match, matches)]);
  return query.get('sendInitialEvents') === null
    ? undefined
    : invalidListOptions('sendInitialEvents', 'sendInitialEvents is forbidden for list');
}

function checkVersion(api: Api, asked: string, match: string, continued: string): Status | undefined {
  if (continued !== '' && asked !== '' && asked !== '0') {
    return badRequest('specifying resource version is not allowed when using continue');
  }
  if (match !== '' && asked === '') {
    return invalidListOptions(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (match === 'Exact' && asked === '0') {
    return invalidListOptions(
      'resourceVersionMatch',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
  if (asked === '') return undefined;
  const revision = parseRevision(asked);
  if (typeof revision === 'number') return tooLarge(api, revision);
  return badRequest(`invalid resource version: ${revision.message}`);
}

/** A resourceVersion as a number, or the real server's complaint. */
export function parseRevision(text: string): number | Status {
  if (/^\d+$/.test(text)) return Number(text);
  return failure(
    500,
    '',
    `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function tooLarge(api: Api, revision: number): Status | undefined {
  if (revision <= api.store.revision) return undefined;
  const cause = { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' };
  return failure(
    504,
    'Timeout',
    `Timeout: Too large resource version: ${revision}, current: ${api.store.revision}`,
    {
      causes: [cause],
      retryAfterSeconds: 1,
    },
  );
}

function expired(start: string): Status {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
    'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
    'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
    'deleted between the time the first chunk was returned and now may show up in the list.';
  const status = faults.gone(message);
  return { ...status, metadata: { continue: writeToken({ v: 'meta.k8s.io/v1', rv: -1, start }) } };
}

function writeToken(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function readToken(text: string): Result<Token, Status> {
  const decoded = Buffer.from(text, 'base64url');
  try {
    const token = JSON.parse(decoded.toString()) as Partial<Record<keyof Token, Json>>;
    if (typeof token.rv === 'number' && typeof token.start === 'string') {
      return ok({ v: String(token.v), rv: token.rv, start: token.start });
    }
  } catch {
    // Told to the client below.
  }
  // Go names the offending byte as a character of that number.
  const first = String.fromCodePoint(decoded[0] ?? 0);
  const why = `continue key is not valid: invalid character '${first}' looking for beginning of value`;
  return refuse(badRequest(`invalid continue token: ${why}`));
}
