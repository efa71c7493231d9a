import { digest } from './digest.ts';

/** Every chain of ours begins with this; what does not is somebody else's. */
export const CHAIN_PREFIX = 'msl-';

/** XT_EXTENSION_MAXNAMELEN is 29 with its final NUL. */
export const CHAIN_NAME_MAX = 28;

/**
 * `msl-<role>-<subject>` where that fits and reads well, else `msl-<role>-_<digest>`: stable over restarts,
 * and a digest never looks like a readable name because no subject may begin with an underscore.
 */
export function chainName(role: string, subject: string): string {
  const plain = `${CHAIN_PREFIX}${role}-${subject}`;
  if (plain.length <= CHAIN_NAME_MAX && /^[A-Za-z0-9.][A-Za-z0-9._/-]*$/.test(subject)) return plain;
  const head = `${CHAIN_PREFIX}${role}-_`;
  return head + digest(subject, CHAIN_NAME_MAX - head.length);
}

/** Whether a chain with this name belongs to us. */
export function isOwnChain(name: string): boolean {
  return name.startsWith(CHAIN_PREFIX);
}
