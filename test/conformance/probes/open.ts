import { hex, KEEPALIVE, join, open, type OpenFields, raw } from '../octets.ts';
import type { Place } from '../place.ts';
import { inOpenConfirm, inOpenSent, type Probe } from '../probe.ts';

const refuse = (
  rfc: string,
  says: string,
  fields: OpenFields,
  expect: string | readonly string[],
  withData?: true,
) => inOpenSent({ rfc, says, expect, ...(withData && { withData }), bytes: p => open(p.as, p.ip, fields) });
const accept = (rfc: string, says: string, fields: OpenFields, level: 'MUST' | 'SHOULD' = 'MUST') =>
  inOpenSent({ rfc, says, level, expect: 'accepted', bytes: p => open(p.as, p.ip, fields) });
const as4 = (p: Place) => [p.as >>> 24, (p.as >>> 16) & 255, (p.as >>> 8) & 255, p.as & 255];
const goodUpdate = raw(2, hex('0000 0000'));

/** RFC 4271 §4.2, §6.2; 5492; 6286; 6793; 7607; 9072. */
export const OPEN_PROBES: readonly Probe[] = [
  refuse(
    'RFC 4271 §6.2',
    'version 3 is answered with Unsupported Version Number and the version that is spoken',
    { version: 3 },
    'R 2/1 0004',
    true,
  ),
  refuse(
    'RFC 4271 §6.2',
    'version 5 is answered with Unsupported Version Number and the version that is spoken',
    { version: 5 },
    'R 2/1 0004',
    true,
  ),
  refuse(
    'RFC 4271 §6.2',
    'an AS number that is not the configured one is answered with Bad Peer AS',
    { as: 65099 },
    'R 2/2',
  ),
  refuse(
    'RFC 7607 §2',
    'AS 0 in OPEN is answered with Bad Peer AS',
    { shortAs: 0, capabilities: hex('010400010001') },
    'R 2/2',
  ),
  inOpenSent({
    rfc: 'RFC 7607 §2',
    says: 'AS 0 in the four-octet AS capability is answered with Bad Peer AS',
    bytes: p => open(p.as, p.ip, { capabilities: hex('010400010001 4104 00000000') }),
    expect: 'R 2/2',
  }),
  refuse(
    'RFC 6286 §2.2',
    'a BGP identifier of zero is answered with Bad BGP Identifier',
    { id: '0.0.0.0' },
    'R 2/3',
  ),
  inOpenSent({
    rfc: 'RFC 6286 §2.2',
    says: 'our own BGP identifier from an internal peer is answered with Bad BGP Identifier',
    internal: true,
    bytes: p => open(p.as, p.ip, { id: '10.79.0.1' }),
    expect: 'R 2/3',
  }),
  accept('RFC 6286 §2.1', 'our own BGP identifier from an external peer is accepted', { id: '10.79.0.1' }),
  accept('RFC 6286 §2.1', 'a BGP identifier need not be the address of a host', { id: '255.1.2.3' }),
  refuse(
    'RFC 4271 §6.2',
    'a hold time of one second is answered with Unacceptable Hold Time',
    { holdTime: 1 },
    'R 2/6',
  ),
  refuse(
    'RFC 4271 §6.2',
    'a hold time of two seconds is answered with Unacceptable Hold Time',
    { holdTime: 2 },
    'R 2/6',
  ),
  accept('RFC 4271 §4.2', 'a hold time of zero is accepted', { holdTime: 0 }),
  accept('RFC 4271 §4.2', 'a hold time of three seconds is accepted', { holdTime: 3 }),
  refuse(
    'RFC 4271 §6.2',
    'an optional parameter that is not known is answered with Unsupported Optional Parameter',
    { parameters: hex('04 63 02 0000') },
    'R 2/4',
  ),
  refuse(
    'RFC 5492 §4',
    'the old authentication parameter is answered with Unsupported Optional Parameter',
    { parameters: hex('03 01 01 00') },
    'R 2/4',
  ),
  refuse(
    'RFC 4271 §6.2',
    'optional parameters that end before their length says are answered with an OPEN error',
    { parameters: hex('09 02 02 0200') },
    ['R 2/0', 'R 2/4', 'R 1/2'],
  ),
  refuse(
    'RFC 4271 §6.2',
    'octets after the optional parameters are answered with an OPEN error',
    { parameters: hex('00 0202') },
    ['R 2/0', 'R 1/2'],
  ),
  refuse(
    'RFC 4271 §6.2',
    'a parameter that runs beyond the parameters is answered with an OPEN error',
    { parameters: hex('04 02 09 0200') },
    'R 2/0',
  ),
  refuse(
    'RFC 5492 §4',
    'a capability that runs beyond its parameter is answered with an OPEN error',
    { parameters: hex('04 02 02 0209') },
    'R 2/0',
  ),
  inOpenSent({
    rfc: 'RFC 5492 §3',
    says: 'an OPEN without capabilities is accepted',
    bytes: p => open(p.as, p.ip, { parameters: Uint8Array.of(0) }),
    expect: 'accepted',
  }),
  accept('RFC 5492 §3', 'a capability that is not known is ignored', { more: hex('f002 abcd') }),
  accept('RFC 5492 §4', 'the same capability twice with the same value is as if it came once', {
    more: hex('010400010001'),
  }),
  inOpenSent({
    rfc: 'RFC 5492 §4',
    says: 'each capability may stand in a parameter of its own',
    bytes: p => open(p.as, p.ip, { parameters: join([16], hex('0206 0104 00010001 0206 4104'), as4(p)) }),
    expect: 'accepted',
  }),
  inOpenSent({
    rfc: 'RFC 6793 §4.1',
    says: 'a four-octet AS capability whose length is not four is answered with an OPEN error',
    bytes: p => open(p.as, p.ip, { capabilities: hex('4102 fdf2') }),
    expect: ['R 2/0', 'R 2/2', 'R 2/7'],
  }),
  inOpenSent({
    rfc: 'RFC 9072 §2',
    says: 'optional parameters in the extended form are read',
    bytes: p => open(p.as, p.ip, { parameters: join(hex('ff ff 000f 02 000c 0104 00010001 4104'), as4(p)) }),
    expect: 'accepted',
  }),
  inOpenSent({
    rfc: 'RFC 9072 §2',
    level: 'SHOULD',
    says: 'the extended form is recognised by its type 255 even when the old length is not 255',
    bytes: p => open(p.as, p.ip, { parameters: join(hex('0f ff 000f 02 000c 0104 00010001 4104'), as4(p)) }),
    expect: 'accepted',
  }),
  inOpenSent({
    rfc: 'RFC 9072 §2',
    says: 'more than 255 octets of parameters are read',
    bytes: p => open(p.as, p.ip, { parameters: extended(p, 60) }),
    expect: 'accepted',
  }),
  inOpenSent({
    rfc: 'RFC 9072 §2',
    says: 'an extended parameter beyond the parameters is answered with an OPEN error',
    bytes: p => open(p.as, p.ip, { parameters: hex('ff ff 0009 02 0020 0104 00010001') }),
    expect: 'R 2/0',
  }),
  inOpenSent({
    rfc: 'RFC 9072 §2',
    says: 'an extended length beyond the message is answered with an OPEN error',
    bytes: p => open(p.as, p.ip, { parameters: hex('ff ff 0099 02 0006 0104 00010001') }),
    expect: ['R 2/0', 'R 1/2'],
  }),
  inOpenSent({
    rfc: 'RFC 9072 §2',
    says: 'an unknown parameter in the extended form is answered with Unsupported Optional Parameter',
    bytes: p => open(p.as, p.ip, { parameters: hex('ff ff 0005 63 0002 0000') }),
    expect: 'R 2/4',
  }),
  // Unexpected messages
  inOpenSent({
    rfc: 'RFC 6608 §4',
    says: 'KEEPALIVE before OPEN is answered with a Finite State Machine Error of subcode 1',
    bytes: () => KEEPALIVE,
    expect: 'R 5/1',
  }),
  inOpenSent({
    rfc: 'RFC 6608 §4',
    says: 'UPDATE before OPEN is answered with a Finite State Machine Error of subcode 1',
    bytes: () => goodUpdate,
    expect: 'R 5/1',
  }),
  inOpenSent({
    rfc: 'RFC 6608 §4',
    says: 'ROUTE-REFRESH before OPEN is answered with a Finite State Machine Error of subcode 1',
    bytes: () => raw(5, hex('00010001')),
    expect: 'R 5/1',
  }),
  inOpenSent({
    rfc: 'RFC 6608 §4',
    level: 'SHOULD',
    says: 'the data of a Finite State Machine Error is the type of the message',
    withData: true,
    bytes: () => KEEPALIVE,
    expect: 'R 5/1 04',
  }),
  inOpenConfirm({
    rfc: 'RFC 6608 §4',
    says: 'UPDATE before KEEPALIVE is answered with a Finite State Machine Error of subcode 2',
    bytes: () => goodUpdate,
    expect: 'R 5/2',
  }),
  inOpenConfirm({
    rfc: 'RFC 6608 §4',
    says: 'ROUTE-REFRESH before KEEPALIVE is answered with a Finite State Machine Error of subcode 2',
    bytes: () => raw(5, hex('00010001')),
    expect: 'R 5/2',
  }),
  inOpenConfirm({
    rfc: 'RFC 6608 §4',
    says: 'a second OPEN before KEEPALIVE is answered with a Finite State Machine Error of subcode 2',
    bytes: p => open(p.as, p.ip),
    expect: ['R 5/2', 'R 6/7'],
  }),
  inOpenConfirm({
    rfc: 'RFC 4271 §8.2.2',
    says: 'a NOTIFICATION before KEEPALIVE ends the connection without an answer',
    bytes: () => raw(3, hex('0602')),
    expect: 'closed',
  }),
  inOpenSent({
    rfc: 'RFC 4271 §8.2.2',
    says: 'a NOTIFICATION before OPEN ends the connection',
    bytes: () => raw(3, hex('0602')),
    expect: ['closed', 'R 5/1'],
  }),
  inOpenConfirm({
    rfc: 'RFC 4271 §8.2.2',
    says: 'a wrong header before KEEPALIVE is answered with a Message Header Error',
    bytes: () => join(new Array(16).fill(0), [0, 19, 4]),
    expect: 'R 1/1',
  }),
];

/** Parameters in the extended form with so many unknown capabilities of six octets. */
function extended(p: Place, count: number): Uint8Array {
  const known = join(hex('0104 00010001 4104'), as4(p));
  const list = join(known, ...Array.from({ length: count }, (_, i) => Uint8Array.of(0xf0, 4, i, 0, 0, 0)));
  const total = list.length + 3;
  return join([255, 255, total >> 8, total & 255, 2, list.length >> 8, list.length & 255], list);
}
