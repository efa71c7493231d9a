/**
 * What a controller tells an agent, and how: one JSON value on each line, both ways, over TLS.
 *
 * ```
 * agent       {"hello":{"protocol":1,"node":"n1","epoch":"…","seq":41}}
 * controller  {"welcome":{"protocol":1,"epoch":"…","beatMs":10000}}     or {"refused":"sentence"}
 *             ["+",kind,object,policyKey]  ["-",kind,names of the object,policyKey]
 *             ["set",id,members]  ["m",id,added,removed]  ["-set",id]
 *             ["end",seq,whole]                                          all since the last "end" is true at once
 *             ["beat",seq,staleMs,{kind:resourceVersion}]                nothing is missing up to seq, and of each kind
 *                                                                        up to this version
 * ```
 *
 * An agent without a certificate asks for one first, on a connection of its own, with the token of its service account; the
 * node that the token is bound to must be its own:
 *
 * ```
 * agent       {"enrol":{"protocol":1,"node":"n1","token":"…","publicKey":"-----BEGIN PUBLIC KEY-----…"}}
 * controller  {"certificate":"-----BEGIN CERTIFICATE-----…"}            or {"refused":"sentence"}
 * ```
 *
 * `whole` replaces all that was told before. An agent that was told `seq` of an `epoch` goes on after it, or is told the
 * whole anew when the controller no longer knows what came after.
 */
import { fail, formatJson, ok, parseJson, type Result } from '@muslin/net';
import type { AnyObject } from './kube-object.ts';

/** Both ends speak the same one or none: the agent then watches the API server itself. */
export const FANOUT_PROTOCOL = 1;

/** What an agent says first; `epoch` and `seq` of the last message that it took whole, when there is one. */
export interface FanoutHello {
  readonly protocol: number;
  readonly node: string;
  readonly epoch: string | undefined;
  readonly seq: number;
}

/** What an agent says that has no certificate yet: `publicKey` in PEM (SubjectPublicKeyInfo). */
export interface FanoutEnrolment {
  readonly protocol: number;
  readonly node: string;
  readonly token: string;
  readonly publicKey: string;
}

/** An object that concerns the node, or that no longer does. */
export interface FanoutObject {
  readonly type: 'object' | 'gone';
  readonly kind: string;
  /** Of one that is gone: what names it. */
  readonly object: AnyObject;
  readonly policyKey: string | undefined;
}

/** Members of a set. */
export type FanoutMembers =
  /** All of them; `members` parts may add more. */
  | { readonly type: 'set'; readonly id: string; readonly members: readonly string[] }
  | {
      readonly type: 'members';
      readonly id: string;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  | { readonly type: 'set-gone'; readonly id: string };

/** One part of a message. */
export type FanoutPart = FanoutObject | FanoutMembers;

/** One line of a controller. */
export type FanoutLine =
  | { readonly type: 'welcome'; readonly protocol: number; readonly epoch: string; readonly beatMs: number }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'part'; readonly part: FanoutPart }
  | { readonly type: 'end'; readonly seq: number; readonly whole: boolean }
  /** `staleMs`: how long the controller itself has not heard from the API server; 0 while it does. */
  | {
      readonly type: 'beat';
      readonly seq: number;
      readonly staleMs: number;
      /** Greatest resourceVersion of each kind that was looked at, also where nothing of it concerned the node. */
      readonly through: FanoutThrough;
    };

/** By kind. */
export type FanoutThrough = Readonly<Record<string, string>>;

/** A line that says nothing of this protocol. */
export interface FanoutFault {
  readonly code: 'not-fan-out';
  readonly message: string;
}

const line = (value: unknown): Buffer => Buffer.from(`${formatJson(value)}\n`);

/** Members on one line: lines stay far below what a reader accepts. */
const CHUNK = 4_000;

export const encodeHello = (hello: FanoutHello): Buffer => line({ hello });
export const encodeEnrolment = (enrol: FanoutEnrolment): Buffer => line({ enrol });
export const encodeCertificate = (certificate: string): Buffer => line({ certificate });
export const encodeWelcome = (epoch: string, beatMs: number): Buffer =>
  line({ welcome: { protocol: FANOUT_PROTOCOL, epoch, beatMs } });
export const encodeRefusal = (message: string): Buffer => line({ refused: message });
export const encodeObject = (kind: string, object: AnyObject, policyKey: string | undefined): Buffer =>
  line(['+', kind, object, policyKey ?? null]);
export const encodeSetGone = (id: string): Buffer => line(['-set', id]);
export const encodeEnd = (seq: number, whole: boolean): Buffer => line(['end', seq, whole]);
export const encodeBeat = (seq: number, staleMs: number, through: FanoutThrough): Buffer =>
  line(['beat', seq, staleMs, through]);

/** An object that is gone, or no longer concerns the node: what names it, and its last version. */
export function encodeGone(
  kind: string,
  { apiVersion, kind: ownKind, metadata }: AnyObject,
  policyKey: string | undefined,
): Buffer {
  const { name, namespace, uid, resourceVersion } = metadata;
  const names = {
    apiVersion,
    kind: ownKind,
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion },
  };
  return line(['-', kind, names, policyKey ?? null]);
}

/** All members of a set, in as many lines as it takes. */
export function encodeSet(id: string, members: ReadonlySet<string>): readonly Buffer[] {
  const [first = [], ...more] = chunks(members);
  return [line(['set', id, first]), ...more.map(chunk => line(['m', id, chunk, []]))];
}

/** A change of a set. */
export function encodeMembers(
  id: string,
  { add, remove }: { readonly add: ReadonlySet<string>; readonly remove: ReadonlySet<string> },
): readonly Buffer[] {
  return [
    ...chunks(add).map(chunk => line(['m', id, chunk, []])),
    ...chunks(remove).map(chunk => line(['m', id, [], chunk])),
  ];
}

function chunks(members: ReadonlySet<string>): readonly (readonly string[])[] {
  const list = [...members];
  return Array.from({ length: Math.ceil(list.length / CHUNK) }, (_, i) =>
    list.slice(i * CHUNK, (i + 1) * CHUNK),
  );
}

/** Reads what an agent says first. Total: no bytes make it throw. */
export function decodeHello(bytes: Uint8Array): Result<FanoutHello, FanoutFault> {
  const value = parse(bytes);
  const hello = isRecord(value) ? value['hello'] : undefined;
  if (!isRecord(hello)) return strange('an agent begins with hello', bytes);
  const { protocol, node, epoch, seq } = hello;
  if (!isCount(protocol) || typeof node !== 'string' || !isCount(seq))
    return strange('hello names a protocol, a node and the last message that was taken', bytes);
  return ok({ protocol, node, seq, epoch: typeof epoch === 'string' ? epoch : undefined });
}

/** Reads a request for a certificate; undefined when the line is none. Total: no bytes make it throw. */
export function decodeEnrolment(bytes: Uint8Array): FanoutEnrolment | undefined {
  const value = parse(bytes);
  const enrol = isRecord(value) ? value['enrol'] : undefined;
  if (!isRecord(enrol)) return undefined;
  const { protocol, node, token, publicKey } = enrol;
  if (!isCount(protocol) || typeof node !== 'string') return undefined;
  if (typeof token !== 'string' || typeof publicKey !== 'string') return undefined;
  return { protocol, node, token, publicKey };
}

/** Reads the answer to it: a certificate in PEM, or why there is none. */
export function decodeCertificate(bytes: Uint8Array): Result<string, FanoutFault> {
  const value = parse(bytes);
  if (isRecord(value) && typeof value['certificate'] === 'string') return ok(value['certificate']);
  if (isRecord(value) && typeof value['refused'] === 'string')
    return fail({ code: 'not-fan-out', message: `the controller refused: ${value['refused']}` });
  return strange('neither a certificate nor a refusal', bytes);
}

/** Reads a line of a controller. Total: no bytes make it throw. */
export function decodeLine(bytes: Uint8Array): Result<FanoutLine, FanoutFault> {
  const value = parse(bytes);
  if (Array.isArray(value)) {
    const kind = String(value[0]);
    const read = Object.hasOwn(PARTS, kind) ? PARTS[kind]?.(value) : undefined;
    return read === undefined ? strange('a part that nobody knows', bytes) : ok(read);
  }
  if (!isRecord(value)) return strange('a line is a JSON list or object', bytes);
  if (typeof value['refused'] === 'string') return ok({ type: 'refused', message: value['refused'] });
  const { welcome } = value;
  if (isRecord(welcome)) {
    const { protocol, epoch, beatMs } = welcome;
    if (isCount(protocol) && typeof epoch === 'string' && isCount(beatMs) && beatMs > 0)
      return ok({ type: 'welcome', protocol, epoch, beatMs });
  }
  return strange('neither a welcome nor a refusal', bytes);
}

/** One row for each kind of line that is a list; undefined: its fields are not what they should be. */
const PARTS: Readonly<Record<string, (fields: readonly unknown[]) => FanoutLine | undefined>> = {
  '+': fields => objectPart('object', fields),
  '-': fields => objectPart('gone', fields),
  set: ([, id, members]) =>
    typeof id === 'string' && isTexts(members)
      ? { type: 'part', part: { type: 'set', id, members } }
      : undefined,
  m: ([, id, add, remove]) =>
    typeof id === 'string' && isTexts(add) && isTexts(remove)
      ? { type: 'part', part: { type: 'members', id, add, remove } }
      : undefined,
  '-set': ([, id]) => (typeof id === 'string' ? { type: 'part', part: { type: 'set-gone', id } } : undefined),
  end: ([, seq, whole]) =>
    isCount(seq) && typeof whole === 'boolean' ? { type: 'end', seq, whole } : undefined,
  beat: ([, seq, staleMs, through = {}]) =>
    isCount(seq) && isCount(staleMs) && isThrough(through)
      ? { type: 'beat', seq, staleMs, through }
      : undefined,
};

function objectPart(
  type: 'object' | 'gone',
  [, kind, object, policyKey]: readonly unknown[],
): FanoutLine | undefined {
  if (typeof kind !== 'string' || !isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const { name, namespace } = object['metadata'];
  if (typeof name !== 'string' || (namespace !== undefined && typeof namespace !== 'string'))
    return undefined;
  if (policyKey !== null && typeof policyKey !== 'string') return undefined;
  const part = { type, kind, object: object as unknown as AnyObject, policyKey: policyKey ?? undefined };
  return { type: 'part', part };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}

function strange(what: string, bytes: Uint8Array): Result<never, FanoutFault> {
  const text = Buffer.from(bytes.subarray(0, 60)).toString('utf8');
  return fail({ code: 'not-fan-out', message: `not a line of fan-out: ${what}: ${JSON.stringify(text)}` });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isThrough = (value: unknown): value is FanoutThrough =>
  isRecord(value) && Object.values(value).every(version => typeof version === 'string');
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string');
