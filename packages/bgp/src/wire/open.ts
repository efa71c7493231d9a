import { ByteReader, ByteWriter, fail, type Ip4, ip4, ok, type Result } from '@muslin/net';
import { type Capability, decodeCapability, encodeCapability } from './capability.ts';
import { ERROR_CODES } from './error-code.ts';
import { type ResetFault, resetFault } from './fault.ts';

/** The placeholder in the two-octet AS field of speakers whose AS number needs four (RFC 6793 §9). */
export const AS_TRANS = 23456;

/** OPEN (RFC 4271 §4.2). `holdTime` in seconds. */
export interface OpenMessage {
  readonly kind: 'open';
  readonly version: number;
  /** The two-octet field; the real number is in the fourOctetAs capability when there is one. */
  readonly asNumber: number;
  readonly holdTime: number;
  readonly identifier: Ip4;
  readonly capabilities: readonly Capability[];
}

const EXTENDED = 255;
const CAPABILITIES_PARAMETER = 2;

/** Reads an OPEN body; only its structure is judged here, its meaning by the session (`judgeOpen`). */
export function decodeOpen(body: Uint8Array): Result<OpenMessage, ResetFault> {
  const bad = (subcode: number, message: string, rfc: string, data?: Uint8Array) =>
    fail(resetFault(ERROR_CODES.open.code, subcode, message, rfc, data));
  const reader = new ByteReader(body);
  const version = reader.u8();
  if (version !== 4) {
    return bad(
      1,
      `the peer speaks BGP version ${version}, only 4 exists here`,
      'RFC 4271 §6.2',
      Uint8Array.of(0, 4),
    );
  }
  const asNumber = reader.u16();
  const holdTime = reader.u16();
  const identifier = ip4(reader.u32());
  let length = reader.u8();
  // RFC 9072 §2: the extended form is marked by the type; the old length field should then be 255.
  const extended = length !== 0 && body[10] === EXTENDED;
  if (extended) {
    reader.u8();
    length = reader.u16();
  }
  if (reader.overrun || reader.left !== length) {
    return bad(0, 'the optional parameters do not fill the OPEN message', 'RFC 4271 §6.2');
  }
  const capabilities: Capability[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const parameter = reader.sub(extended ? reader.u16() : reader.u8());
    if (reader.overrun) return bad(0, 'an optional parameter is cut off', 'RFC 4271 §6.2');
    if (type !== CAPABILITIES_PARAMETER) {
      return bad(4, `optional parameter ${type} is unknown`, 'RFC 4271 §6.2');
    }
    while (parameter.left > 0) {
      const code = parameter.u8();
      const value = parameter.take(parameter.u8());
      const capability = parameter.overrun ? undefined : decodeCapability(code, value);
      if (capability === undefined) return bad(0, `capability ${code} is malformed`, 'RFC 5492 §5');
      capabilities.push(capability);
    }
  }
  return ok({ kind: 'open', version, asNumber, holdTime, identifier, capabilities });
}

/** Writes an OPEN body; the RFC 9072 form is used only when the capabilities need it. */
export function encodeOpen(open: OpenMessage): Uint8Array {
  const capabilities = open.capabilities.map(encodeCapability);
  const total = capabilities.reduce((sum, c) => sum + c.length, 0);
  const writer = new ByteWriter();
  writer.u8(open.version).u16(open.asNumber).u16(open.holdTime).u32(open.identifier.bits);
  if (total === 0) return writer.u8(0).finish();
  if (total <= 253)
    writer
      .u8(total + 2)
      .u8(CAPABILITIES_PARAMETER)
      .u8(total);
  else {
    writer
      .u8(EXTENDED)
      .u8(EXTENDED)
      .u16(total + 3);
    writer.u8(CAPABILITIES_PARAMETER).u16(total);
  }
  for (const capability of capabilities) writer.bytes(capability);
  return writer.finish();
}
