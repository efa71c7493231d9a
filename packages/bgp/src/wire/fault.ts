/** A fault that ends the session: what the NOTIFICATION must carry, and why in words. */
export interface ResetFault {
  readonly severity: 'reset';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
  readonly message: string;
  /** Where the rule stands, such as `RFC 4271 §6.1`. */
  readonly rfc: string;
}

/**
 * A fault inside an UPDATE that the session survives (RFC 7606 §2): `withdraw` makes the routes of this
 * UPDATE count as withdrawn, `discard` drops only the attribute.
 */
export interface AttributeFault {
  readonly severity: 'withdraw' | 'discard';
  /** Attribute type code; 0 when the attribute list as a whole is meant. */
  readonly attribute: number;
  readonly message: string;
  readonly rfc: string;
}

const NO_DATA = new Uint8Array(0);

/** A fault that ends the session. */
export function resetFault(
  code: number,
  subcode: number,
  message: string,
  rfc: string,
  data: Uint8Array = NO_DATA,
): ResetFault {
  return { severity: 'reset', code, subcode, data, message, rfc };
}
