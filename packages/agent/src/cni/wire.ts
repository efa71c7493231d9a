import type { CniFault } from './cni-fault.ts';

/** First bytes of every request; see shim/muslin-cni.c for the whole protocol. */
const MAGIC = 'MSLCNI1\0';
/** More than any configuration needs; a longer request is refused unread. */
export const MAX_REQUEST = (1 << 20) + 65_536;

/** What the shim sent: the CNI variables and standard input. */
export interface WireRequest {
  readonly env: ReadonlyMap<string, string>;
  readonly input: string;
}

/** Takes a whole request apart; undefined when the bytes are none. */
export function readWireRequest(bytes: Buffer): WireRequest | undefined {
  if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return undefined;
  const env = new Map<string, string>();
  let at = MAGIC.length;
  for (;;) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return undefined;
    if (end === at) return { env, input: bytes.subarray(end + 1).toString() };
    const pair = bytes.subarray(at, end).toString();
    const equals = pair.indexOf('=');
    if (equals <= 0) return undefined;
    env.set(pair.slice(0, equals), pair.slice(equals + 1));
    at = end + 1;
  }
}

/** The answer that makes the shim exit with `code` after printing `body`. */
export function writeWireAnswer(code: 0 | 1, body: string): Buffer {
  const payload = Buffer.from(body);
  return Buffer.concat([Buffer.from(`${code} ${payload.length}\n`), payload]);
}

/** A fault as CNI's error JSON. */
export function writeWireFault(fault: CniFault, cniVersion: string): Buffer {
  const { code, message: msg, details = '' } = fault;
  return writeWireAnswer(1, `${JSON.stringify({ cniVersion, code, msg, details })}\n`);
}
