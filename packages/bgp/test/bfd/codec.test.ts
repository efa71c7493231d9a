import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BFD_STATES, type ControlPacket, decodeControl, encodeControl } from '../../src/index.ts';

const hex = (text: string) => Uint8Array.from(text.split(/\s+/).map(byte => Number.parseInt(byte, 16)));
const show = (bytes: Uint8Array) => [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ');

const packet: ControlPacket = {
  diagnostic: 3,
  state: 'Up',
  poll: true,
  final: false,
  independent: false,
  authenticated: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 0xfffefdfc,
  desiredMinTx: 50_000,
  requiredMinRx: 300_000,
  requiredMinEchoRx: 0,
};
const BYTES = '23 e0 03 18 01 02 03 04 ff fe fd fc 00 00 c3 50 00 04 93 e0 00 00 00 00';

const anyPacket: fc.Arbitrary<ControlPacket> = fc
  .record({
    diagnostic: fc.nat(31),
    state: fc.constantFrom(...BFD_STATES),
    poll: fc.boolean(),
    final: fc.boolean(),
    independent: fc.boolean(),
    authenticated: fc.constant(false),
    demand: fc.boolean(),
    detectMultiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.integer({ min: 1, max: 0xffff_ffff }),
    yourDiscriminator: fc.nat(0xffff_ffff),
    desiredMinTx: fc.nat(0xffff_ffff),
    requiredMinRx: fc.nat(0xffff_ffff),
    requiredMinEchoRx: fc.nat(0xffff_ffff),
  })
  .filter(p => p.yourDiscriminator !== 0 || p.state === 'Down' || p.state === 'AdminDown');

const mutated = (at: number, value: number, length = 24): Uint8Array => {
  const bytes = hex(BYTES);
  bytes[at] = value;
  return bytes.subarray(0, length);
};

describe('a BFD control packet (RFC 5880 §4.1)', () => {
  test('has these octets', () => {
    expect(show(encodeControl(packet))).toBe(BYTES);
    expect(decodeControl(hex(BYTES))).toEqual({ ok: true, value: packet });
  });

  test('is read as it was written', () => {
    fc.assert(
      fc.property(anyPacket, p => {
        expect(decodeControl(encodeControl(p))).toEqual({ ok: true, value: p });
      }),
    );
  });

  test('may be followed by other octets of the datagram, which are not looked at', () => {
    expect(decodeControl(hex(`${BYTES} de ad`))).toEqual({ ok: true, value: packet });
  });

  test('with an authentication section says so', () => {
    const bytes = hex(`${BYTES.replace('23 e0 03 18', '23 e4 03 1a')} 01 02`);
    expect(decodeControl(bytes)).toEqual({ ok: true, value: { ...packet, authenticated: true } });
  });

  test.each([
    ['of version 0', mutated(0, 0x03), 'badVersion'],
    ['of version 2', mutated(0, 0x43), 'badVersion'],
    ['that is empty', new Uint8Array(0), 'tooShort'],
    ['of three octets', mutated(0, 0x23, 3), 'tooShort'],
    ['whose Length is 23', mutated(3, 23), 'tooShort'],
    ['that is authenticated and whose Length is 25', mutated(1, 0xe4), 'tooShort'],
    ['whose Length is more than came', mutated(3, 25), 'beyondPayload'],
    ['that was cut short', mutated(0, 0x23, 23), 'beyondPayload'],
    ['with Detect Mult 0', mutated(2, 0), 'zeroMultiplier'],
    ['with the Multipoint bit', mutated(1, 0xe1), 'multipoint'],
    ['with My Discriminator 0', hex(BYTES.replace('01 02 03 04', '00 00 00 00')), 'zeroDiscriminator'],
    [
      'that is Up and knows no discriminator',
      hex(BYTES.replace('ff fe fd fc', '00 00 00 00')),
      'missingDiscriminator',
    ],
  ] as const)('%s is discarded (§6.8.6)', (_name, bytes, code) => {
    expect(decodeControl(bytes)).toMatchObject({ ok: false, fault: { code, rfc: 'RFC 5880 §6.8.6' } });
  });

  test('the first rule that is broken is the one named', () => {
    expect(decodeControl(hex(BYTES.replace('23 e0 03 18', '43 e1 00 17')))).toMatchObject({
      fault: { code: 'badVersion' },
    });
    expect(decodeControl(hex(BYTES.replace('23 e0 03 18', '23 e1 00 18')))).toMatchObject({
      fault: { code: 'zeroMultiplier' },
    });
  });

  test('any octets give a packet or a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        const decoded = decodeControl(bytes);
        if (decoded.ok) expect(decodeControl(encodeControl(decoded.value))).toMatchObject({ ok: true });
        else expect(decoded.fault.message).toContain('RFC');
      }),
    );
  });
});
