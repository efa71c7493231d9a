interface DiscardRow {
  readonly rfc: string;
  readonly words: string;
}

/** One row per reason to discard a received packet, in the order in which they are looked for. */
export const DISCARDS = {
  wrongTtl: { rfc: 'RFC 5881 §5', words: 'it came with a TTL too low to be from where it claims to be from' },
  badVersion: { rfc: 'RFC 5880 §6.8.6', words: 'its protocol version is not 1' },
  tooShort: { rfc: 'RFC 5880 §6.8.6', words: 'it is shorter than a control packet' },
  beyondPayload: { rfc: 'RFC 5880 §6.8.6', words: 'its Length reaches beyond what was received' },
  zeroMultiplier: { rfc: 'RFC 5880 §6.8.6', words: 'its Detect Mult is 0' },
  multipoint: { rfc: 'RFC 5880 §6.8.6', words: 'its Multipoint bit is set' },
  zeroDiscriminator: { rfc: 'RFC 5880 §6.8.6', words: 'its My Discriminator is 0' },
  unknownDiscriminator: { rfc: 'RFC 5880 §6.8.6', words: 'no session has its Your Discriminator' },
  missingDiscriminator: {
    rfc: 'RFC 5880 §6.8.6',
    words: 'its Your Discriminator is 0 although its state is neither Down nor AdminDown',
  },
  unknownPeer: { rfc: 'RFC 5880 §6.8.6', words: 'there is no session with its sender' },
  wrongPath: { rfc: 'RFC 5881 §4', words: 'it came by a port or interface that its session does not use' },
  authenticated: { rfc: 'RFC 5880 §6.8.6', words: 'it is authenticated, and the session is not' },
} as const satisfies Record<string, DiscardRow>;

/** Why a received packet was discarded. */
export type DiscardCode = keyof typeof DISCARDS;

/** A packet that was discarded: which rule, where it stands, and in words. */
export interface DiscardFault {
  readonly code: DiscardCode;
  readonly rfc: string;
  readonly message: string;
}

/** The fault of a rule. */
export function discardFault(code: DiscardCode): DiscardFault {
  const { rfc, words } = DISCARDS[code];
  return { code, rfc, message: `a BFD packet was discarded: ${words} (${rfc})` };
}
