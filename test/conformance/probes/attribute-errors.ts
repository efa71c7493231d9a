import { address, attr, join, path, raw, updateBody } from '../octets.ts';
import { SUBJECT } from '../place.ts';
import { inEstablished, nearest, NEW, type Probe, update } from '../probe.ts';
import { digitsOf } from '../told.ts';
import { asPath, discards, hop, inside, origin, plus, segment, withdraws } from './update-builders.ts';

/** RFC 7606 §7 with what of RFC 4271 §6.3 it leaves; RFC 7607. */
export const ATTRIBUTE_PROBES: readonly Probe[] = [
  // §7
  withdraws('RFC 7606 §7.1', 'an ORIGIN of no octets is treated as withdraw', origin(0x40, [])),
  withdraws('RFC 7606 §7.1', 'an ORIGIN of two octets is treated as withdraw', origin(0x40, [0, 0])),
  withdraws('RFC 7606 §7.1', 'an ORIGIN with an undefined value is treated as withdraw', origin(0x40, [3])),
  withdraws(
    'RFC 7606 §7.2',
    'an AS_PATH segment of an unknown kind is treated as withdraw',
    asPath(() => attr(0x40, 2, [9, 1, 0, 0, 0xfd, 0xf2])),
  ),
  withdraws(
    'RFC 7606 §7.2',
    'an AS_PATH segment that overruns is treated as withdraw',
    asPath(() => attr(0x40, 2, [2, 2, 0, 0, 0xfd, 0xf2])),
  ),
  withdraws(
    'RFC 7606 §7.2',
    'one octet after the last AS_PATH segment is treated as withdraw',
    asPath(p => segment(p, 0)),
  ),
  withdraws(
    'RFC 7606 §7.2',
    'an AS_PATH segment of no AS numbers is treated as withdraw',
    asPath(p => segment(p, 2, 0)),
  ),
  // The text leaves the check to the speaker (MAY), so both are in order; ours is held to it in rfc7606.test.ts.
  update({
    rfc: 'RFC 4271 §6.3',
    says: 'an AS_PATH that does not start with the AS of the neighbour does the session no harm',
    attributes: asPath(() => path(64999, NEW)),
    expect: ['W', 'ok'],
  }),
  withdraws(
    'RFC 5065 §5',
    'a confederation segment from an external peer is treated as withdraw',
    asPath(p => attr(0x40, 2, [3, 1, 0, 0, p.place.as >> 8, p.place.as & 255])),
  ),
  update({
    rfc: 'RFC 4271 §5.1.2',
    says: 'an AS_SET in the path is accepted',
    attributes: asPath(p => segment(p, 1, 1, 0, 0, 0, 7)),
    expect: ['ok', 'W'],
  }),
  withdraws('RFC 7606 §7.3', 'a NEXT_HOP of three octets is treated as withdraw', hop([10, 79, 2])),
  withdraws('RFC 7606 §7.3', 'a NEXT_HOP of five octets is treated as withdraw', hop([10, 79, 2, 2, 2])),
  withdraws('RFC 7606 §7.3', 'a NEXT_HOP of no octets is treated as withdraw', hop([])),
  withdraws('RFC 4271 §6.3', 'a NEXT_HOP of 0.0.0.0 is not used', hop([0, 0, 0, 0])),
  withdraws('RFC 4271 §6.3', 'a NEXT_HOP that is a loopback address is not used', hop([127, 0, 0, 1])),
  withdraws('RFC 4271 §6.3', 'a NEXT_HOP that is a multicast address is not used', hop([224, 0, 0, 5])),
  withdraws(
    'RFC 4271 §6.3',
    'a NEXT_HOP that is the broadcast address is not used',
    hop([255, 255, 255, 255]),
  ),
  withdraws(
    'RFC 4271 §6.3',
    'a NEXT_HOP that is the address of the receiver is not used',
    hop(address(SUBJECT.ip)),
  ),
  withdraws('RFC 7606 §7.4', 'a MED of three octets is treated as withdraw', plus(attr(0x80, 4, [0, 0, 1]))),
  withdraws(
    'RFC 7606 §7.4',
    'a MED of five octets is treated as withdraw',
    plus(attr(0x80, 4, [0, 0, 0, 0, 1])),
  ),
  discards(
    'RFC 7606 §7.5',
    'LOCAL_PREF from an external peer is discarded',
    plus(attr(0x40, 5, [0, 0, 0, 200])),
    5,
  ),
  discards(
    'RFC 7606 §7.5',
    'a malformed LOCAL_PREF from an external peer is discarded',
    plus(attr(0x40, 5, [200])),
    5,
  ),
  inside(
    'RFC 7606 §7.5',
    'a malformed LOCAL_PREF from an internal peer is treated as withdraw',
    p => [...p.bare, attr(0x40, 5, [200])],
    'W',
  ),
  discards('RFC 7606 §7.6', 'an ATOMIC_AGGREGATE with a value is discarded', plus(attr(0x40, 6, [1])), 6),
  discards(
    'RFC 7606 §7.7',
    'an AGGREGATOR of six octets between four-octet speakers is discarded',
    plus(attr(0xc0, 7, [0xfd, 0xf2, 10, 0, 0, 9])),
    7,
  ),
  discards('RFC 7606 §7.7', 'an AGGREGATOR of no octets is discarded', plus(attr(0xc0, 7, [])), 7),
  withdraws(
    'RFC 7606 §7.8',
    'COMMUNITIES of five octets are treated as withdraw',
    plus(attr(0xc0, 8, [0, 1, 0, 1, 0])),
  ),
  withdraws('RFC 7606 §7.8', 'COMMUNITIES of no octets are treated as withdraw', plus(attr(0xc0, 8, []))),
  discards(
    'RFC 7606 §7.9',
    'ORIGINATOR_ID from an external peer is discarded',
    plus(attr(0x80, 9, [1, 1, 1, 1])),
    9,
  ),
  discards(
    'RFC 7606 §7.9',
    'a malformed ORIGINATOR_ID from an external peer is discarded',
    plus(attr(0x80, 9, [1, 1, 1])),
    9,
  ),
  inside(
    'RFC 7606 §7.9',
    'a malformed ORIGINATOR_ID from an internal peer is treated as withdraw',
    plus(attr(0x80, 9, [1, 1, 1])),
    'W',
  ),
  discards(
    'RFC 7606 §7.10',
    'CLUSTER_LIST from an external peer is discarded',
    plus(attr(0x80, 10, [1, 1, 1, 1])),
    10,
  ),
  discards(
    'RFC 7606 §7.10',
    'a malformed CLUSTER_LIST from an external peer is discarded',
    plus(attr(0x80, 10, [1, 1])),
    10,
  ),
  inside(
    'RFC 7606 §7.10',
    'a malformed CLUSTER_LIST from an internal peer is treated as withdraw',
    plus(attr(0x80, 10, [1, 1])),
    'W',
  ),
  inside(
    'RFC 7606 §7.10',
    'a CLUSTER_LIST of no octets from an internal peer is treated as withdraw',
    plus(attr(0x80, 10, [])),
    'W',
  ),
  withdraws(
    'RFC 7606 §7.14',
    'EXTENDED COMMUNITIES of seven octets are treated as withdraw',
    plus(attr(0xc0, 16, [0, 2, 0, 0, 0, 0, 1])),
  ),
  withdraws(
    'RFC 7606 §7.14',
    'EXTENDED COMMUNITIES of no octets are treated as withdraw',
    plus(attr(0xc0, 16, [])),
  ),
  withdraws(
    'RFC 8092 §5',
    'a LARGE_COMMUNITY of eleven octets is treated as withdraw',
    plus(attr(0xc0, 32, new Array(11).fill(1))),
  ),
  // RFC 7607
  withdraws(
    'RFC 7607 §2',
    'AS 0 in AS_PATH is treated as withdraw',
    asPath(p => path(...nearest(p.place), 0, NEW)),
  ),
  discards(
    'RFC 7607 §2',
    'an AGGREGATOR that names AS 0 is discarded',
    plus(attr(0xc0, 7, [0, 0, 0, 0, 10, 0, 0, 9])),
    7,
  ),
  update({
    rfc: 'RFC 7607 §2',
    says: 'AS 0 in AS4_PATH discards that attribute, not the route',
    short: true,
    attributes: p => [
      p.origin,
      attr(0x40, 2, [2, 2, p.place.as >> 8, p.place.as & 255, NEW >> 8, NEW & 255]),
      p.nextHop,
      attr(0xc0, 17, [2, 1, 0, 0, 0, 0]),
    ],
    expect: 'ok',
    told: t => ((digitsOf(t, 2) ?? '').endsWith(`0000${NEW.toString(16)}`) ? '' : 'with another path'),
  }),
  // RFC 4271 §6.3
  inEstablished({
    rfc: 'RFC 4271 §6.3',
    says: 'an unknown attribute that calls itself well-known ends the session with Unrecognized Well-known Attribute and the attribute',
    withData: true,
    bytes: p => raw(2, updateBody([...p.good, attr(0x40, 99, [1])], p.place.prefix)),
    expect: 'R 3/2 40630101',
  }),
  inEstablished({
    rfc: 'RFC 4271 §6.3',
    level: 'SHOULD',
    says: 'a multicast prefix is ignored and the rest of the UPDATE counts',
    bytes: p => raw(2, updateBody(p.good, join([24, 224, 0, 1], p.place.prefix))),
    expect: 'ok',
  }),
];
