import { address, attr, hex, join, raw, updateBody } from '../octets.ts';
import { inEstablished, type Probe, update } from '../probe.ts';
import { digitsOf } from '../told.ts';
import { asPath, origin, plus, reach, resets, V6, withdraws } from './update-builders.ts';

/** RFC 7606 §3–§5; RFC 4760 §6. */
export const UPDATE_PROBES: readonly Probe[] = [
  update({
    rfc: 'RFC 4271 §4.3',
    says: 'an UPDATE without a flaw replaces the route',
    attributes: p => p.good,
    expect: 'ok',
  }),
  // §3
  resets(
    'RFC 7606 §3 a',
    'withdrawn routes longer than the message end the session with Malformed Attribute List',
    () => join([0, 200], [0, 0]),
    'R 3/1',
  ),
  resets(
    'RFC 7606 §3 b',
    'attributes longer than the message end the session with Malformed Attribute List',
    p => join([0, 0], [1, 0], ...p.good),
    'R 3/1',
  ),
  withdraws('RFC 7606 §3 c', 'ORIGIN with the optional flag is treated as withdraw', origin(0xc0, [0])),
  withdraws('RFC 7606 §3 c', 'ORIGIN without the transitive flag is treated as withdraw', origin(0x00, [0])),
  withdraws(
    'RFC 7606 §3 c',
    'AS_PATH with the optional flag is treated as withdraw',
    asPath(p => attr(0xc0, 2, p.path.subarray(3))),
  ),
  withdraws('RFC 7606 §3 c', 'NEXT_HOP with the optional flag is treated as withdraw', p => [
    p.origin,
    p.path,
    attr(0xc0, 3, address(p.place.ip)),
  ]),
  withdraws(
    'RFC 7606 §3 c',
    'MED with the transitive flag is treated as withdraw',
    plus(attr(0xc0, 4, [0, 0, 0, 1])),
  ),
  withdraws(
    'RFC 7606 §3 c',
    'COMMUNITIES without the optional flag are treated as withdraw',
    plus(attr(0x40, 8, [0, 1, 0, 1])),
  ),
  withdraws(
    'RFC 7606 §3 c',
    'EXTENDED COMMUNITIES without the transitive flag are treated as withdraw',
    plus(attr(0x80, 16, [0, 2, 0, 1, 0, 0, 0, 1])),
  ),
  update({
    rfc: 'RFC 4271 §4.3',
    says: 'the partial flag on an optional transitive attribute is accepted',
    attributes: plus(attr(0xe0, 8, [0xfd, 0xe8, 0, 1])),
    expect: 'ok',
  }),
  update({
    rfc: 'RFC 4271 §4.3',
    says: 'the extended length flag may stand on a short attribute',
    attributes: origin(0x50, [0]),
    expect: 'ok',
  }),
  update({
    rfc: 'RFC 4271 §4.3',
    says: 'the four lowest flag bits are ignored',
    attributes: origin(0x4f & ~0x10, [0]),
    expect: 'ok',
  }),
  withdraws('RFC 7606 §3 d', 'a missing ORIGIN is treated as withdraw', p => [p.path, p.nextHop]),
  withdraws('RFC 7606 §3 d', 'a missing AS_PATH is treated as withdraw', p => [p.origin, p.nextHop]),
  withdraws('RFC 7606 §3 d', 'a missing NEXT_HOP is treated as withdraw', p => [p.origin, p.path]),
  update({
    rfc: 'RFC 7606 §3 g',
    says: 'of an attribute that comes twice the first one counts',
    attributes: plus(attr(0x40, 1, [2])),
    expect: 'ok',
    told: t => (digitsOf(t, 1) === '00' ? '' : 'not the first ORIGIN'),
  }),
  update({
    rfc: 'RFC 7606 §3 g',
    says: 'a second, malformed occurrence is discarded as well',
    attributes: plus(attr(0x80, 4, [0, 0, 0, 1]), attr(0x80, 4, [1])),
    expect: 'ok',
  }),
  update({
    rfc: 'RFC 7606 §3 g',
    says: 'an unknown attribute that comes twice keeps the first',
    attributes: plus(attr(0xc0, 99, [1]), attr(0xc0, 99, [2])),
    expect: 'ok',
    told: t => (digitsOf(t, 99) === '01' ? '' : 'not the first one'),
  }),
  resets(
    'RFC 7606 §3 g',
    'a second MP_REACH_NLRI ends the session with Malformed Attribute List',
    p => updateBody([...p.good, reach(`0002 01 10 ${V6} 00`), reach(`0002 01 10 ${V6} 00`)], p.place.prefix),
    'R 3/1',
  ),
  resets(
    'RFC 7606 §3 g',
    'a second MP_UNREACH_NLRI ends the session with Malformed Attribute List',
    p =>
      updateBody([...p.good, attr(0x80, 15, hex('000201')), attr(0x80, 15, hex('000201'))], p.place.prefix),
    'R 3/1',
  ),
  withdraws(
    'RFC 7606 §3 h',
    'of several faults the strongest decides: a discard and a withdraw withdraw',
    p => [attr(0x40, 1, [7]), p.path, p.nextHop, attr(0xc0, 7, [1])],
  ),
  resets(
    'RFC 7606 §3 j',
    'a prefix length above 32 ends the session with Invalid Network Field',
    p => updateBody(p.good, [33, 10, 0, 0, 0, 0]),
    'R 3/10',
  ),
  resets(
    'RFC 7606 §3 j',
    'routes that end in the middle of a prefix end the session with Invalid Network Field',
    p => updateBody(p.good, [24, 10, 0]),
    'R 3/10',
  ),
  resets(
    'RFC 7606 §3 j',
    'a withdrawn prefix length above 32 ends the session with Invalid Network Field',
    () => updateBody([], [], [33, 1, 2, 3, 4, 5]),
    ['R 3/10', 'R 3/1'],
  ),
  // §4
  withdraws(
    'RFC 7606 §4',
    'an attribute that runs over the end of the list is treated as withdraw',
    plus(Uint8Array.of(0xc0, 8, 20, 1, 2)),
  ),
  withdraws('RFC 7606 §4', 'one octet left in the list is treated as withdraw', plus(Uint8Array.of(0xc0))),
  withdraws(
    'RFC 7606 §4',
    'two octets left in the list are treated as withdraw',
    plus(Uint8Array.of(0xc0, 8)),
  ),
  withdraws(
    'RFC 7606 §4',
    'three octets left with an extended length are treated as withdraw',
    plus(Uint8Array.of(0xd0, 8, 0)),
  ),
  // §5
  resets(
    'RFC 7606 §5.2',
    'a fault that asks for withdraw in an UPDATE without routes ends the session',
    () => updateBody([attr(0x40, 1, [9])], []),
    ['R 3/1', 'R 3/6'],
  ),
  inEstablished({
    rfc: 'RFC 7606 §5.2',
    says: 'an UPDATE with only MP_UNREACH_NLRI needs no other attribute',
    bytes: () => raw(2, updateBody([attr(0x80, 15, hex('000201 20 20010db8'))], [])),
    expect: 'kept',
  }),
  resets(
    'RFC 7606 §5.3',
    'an IPv6 prefix length above 128 ends the session',
    p => updateBody([...p.good, reach(`0002 01 10 ${V6} 00 81 20010db8`)], p.place.prefix),
    ['R 3/9', 'R 3/10'],
  ),
  resets(
    'RFC 7606 §5.3',
    'an IPv6 prefix that is cut off ends the session',
    p => updateBody([...p.good, reach(`0002 01 10 ${V6} 00 40 20010db8`)], p.place.prefix),
    ['R 3/9', 'R 3/10'],
  ),
  resets(
    'RFC 7606 §5.3',
    'a withdrawn IPv6 prefix that is cut off ends the session',
    p => updateBody([...p.good, attr(0x80, 15, hex('000201 40 2001'))], p.place.prefix),
    ['R 3/9', 'R 3/10'],
  ),
  resets(
    'RFC 7606 §5.3',
    'an MP_UNREACH_NLRI shorter than its fixed part ends the session',
    p => updateBody([...p.good, attr(0x80, 15, [0, 2])], p.place.prefix),
    ['R 3/9', 'R 3/5'],
  ),
  resets(
    'RFC 7606 §5.3',
    'an MP_REACH_NLRI shorter than its fixed part ends the session',
    p => updateBody([...p.good, reach('00020110')], p.place.prefix),
    ['R 3/9', 'R 3/5'],
  ),
  resets(
    'RFC 7606 §7.11',
    'an IPv6 next hop of five octets ends the session',
    p => updateBody([...p.good, reach('0002 01 05 2001000000 00 20 20010db8')], p.place.prefix),
    ['R 3/9', 'R 3/8'],
  ),
  update({
    rfc: 'RFC 4760 §6',
    says: 'routes of a family that was not agreed on do no harm',
    attributes: plus(reach('0001 80 0c 0000000000000000 0a000002 00 70 0000000000000000 c0000200')),
    expect: 'ok',
  }),
];
