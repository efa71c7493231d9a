import type { BgpCommunity, SecretKeyRef } from '../model/bgp.ts';
import { type Field, shown } from './field.ts';

/** An AS number (RFC 6793), 1 to 4294967295. */
export function readAs(field: Field): number | undefined {
  return field.integer(1, 4_294_967_295);
}

/** A community `aa:nn` (RFC 1997) or `a:b:c` (RFC 8092); undefined when the text is neither. */
export function parseCommunity(text: string): BgpCommunity | undefined {
  const match = /^([0-9]{1,10}):([0-9]{1,10})(?::([0-9]{1,10}))?$/.exec(text);
  if (!match) return undefined;
  const [a, b, c] = [
    Number(match[1]),
    Number(match[2]),
    match[3] === undefined ? undefined : Number(match[3]),
  ];
  if (c === undefined) return a <= 65_535 && b <= 65_535 ? [a, b] : undefined;
  return Math.max(a, b, c) <= 4_294_967_295 ? [a, b, c] : undefined;
}

/** Reads a community. */
export function readCommunity(field: Field): BgpCommunity | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  return (
    parseCommunity(text) ??
    field.invalid(`${shown(text)} is no community: write aa:nn (16 bits each) or a:b:c (32 bits each)`)
  );
}

/** Reads `{secretKeyRef: {name, key, optional}}`. */
export function readSecretKeyRef(password: Field): SecretKeyRef | undefined {
  const ref = password.at('secretKeyRef');
  if (!ref.present) return undefined;
  const [name, key] = [ref.at('name').text(), ref.at('key').text()];
  if (!name) return ref.at('name').invalid('must name the Secret');
  if (!key) return ref.at('key').invalid("must name the Secret's key");
  return { name, key, optional: ref.at('optional').flag() ?? false };
}
