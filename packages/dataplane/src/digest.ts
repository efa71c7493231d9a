import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The first `length` characters (at most 42) of the base64url SHA-256 of a text: 6 bits per character. */
export function digest(text: string, length: number): string {
  const bytes = sha256(utf8ToBytes(text));
  let out = '';
  for (let i = 0; out.length < length; i += 3) {
    const word = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    for (const shift of [18, 12, 6, 0]) out += ALPHABET[(word >>> shift) & 63];
  }
  return out.slice(0, length);
}

/** SHA-1 as hex, for names that other software computes the same way. */
export function sha1Hex(text: string): string {
  return bytesToHex(sha1(utf8ToBytes(text)));
}
