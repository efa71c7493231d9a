import { fail, ok, type Result } from '@muslin/net';

/** TCP_MD5SIG_MAXKEYLEN. */
const MOST_BYTES = 80;

/**
 * A TCP-MD5 password out of a Secret (v1, `data`: base64). One newline at the end is dropped: no router can have it, and
 * most editors write it. The fault is a sentence that never contains the password.
 */
export function readPassword(object: unknown, secret: string, key: string): Result<string, string> {
  if (object === undefined) return fail(`Secret ${secret} does not exist`);
  const { data } = object as { readonly data?: Readonly<Record<string, unknown>> | null };
  const text = data?.[key];
  if (typeof text !== 'string') return fail(`Secret ${secret} has no key ${key}`);
  const bytes = decode(text);
  if (bytes === undefined) return fail(`key ${key} of Secret ${secret} is no UTF-8 text`);
  const password = bytes.replace(/\r?\n$/, '');
  if (password === '') return fail(`key ${key} of Secret ${secret} is empty`);
  if (new TextEncoder().encode(password).length > MOST_BYTES)
    return fail(`key ${key} of Secret ${secret} is longer than the ${MOST_BYTES} bytes that TCP-MD5 takes`);
  return ok(password);
}

function decode(text: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), char => char.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
