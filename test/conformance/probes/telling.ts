import { address, attr, hex, join, raw, updateBody } from '../octets.ts';
import { GUESTS, SUBJECT } from '../place.ts';
import { inEstablished, NEW, type Probe, script, update, wayAttributes } from '../probe.ts';
import { type Told, digitsOf } from '../told.ts';

const has = (code: number, value: string) => (told: Told) =>
  digitsOf(told, code) === value ? '' : `attribute ${code} is ${digitsOf(told, code) ?? 'missing'}`;
const lacks = (code: number) => (told: Told) =>
  digitsOf(told, code) === undefined ? '' : `attribute ${code} is there`;
const as4 = (as: number) => as.toString(16).padStart(8, '0');
const number4 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const med = (value: number) => attr(0x80, 4, number4(value));
const localPref = (value: number) => attr(0x40, 5, number4(value));
const ipHex = (ip: string) =>
  address(ip)
    .map(n => n.toString(16).padStart(2, '0'))
    .join('');
const good = { attributes: (p: { readonly good: readonly Uint8Array[] }) => p.good, expect: 'ok' } as const;

/** How a told route must look: RFC 4271 §4.3, §5, §9. */
export const TELLING_PROBES: readonly Probe[] = [
  update({
    ...good,
    rfc: 'RFC 4271 §5',
    says: 'ORIGIN, AS_PATH and NEXT_HOP stand in every announcement',
    told: t => ([1, 2, 3].every(code => digitsOf(t, code) !== undefined) ? '' : 'one is missing'),
  }),
  update({
    ...good,
    rfc: 'RFC 4271 §5',
    level: 'SHOULD',
    says: 'attributes are sent in the order of their type codes',
    attributes: p => [
      ...p.good,
      attr(0xc0, 8, [0xfd, 0xe8, 0, 1]),
      attr(0xc0, 16, hex('0002fde800000001')),
      attr(0xc0, 32, hex('0000fde80000000100000002')),
    ],
    told: t => (isSorted(t.attributes.map(a => a.code)) ? '' : `${t.attributes.map(a => a.code)}`),
  }),
  update({
    rfc: 'RFC 4271 §5',
    says: 'attributes are accepted in any order',
    attributes: p => [...p.good].reverse(),
    expect: 'ok',
  }),
  update({
    rfc: 'RFC 4271 §5',
    says: 'an unknown optional transitive attribute is passed on with the Partial bit',
    attributes: p => [...p.good, attr(0xc0, 99, [1, 2])],
    expect: 'ok',
    told: t =>
      t.attributes.find(a => a.code === 99)?.flags === 0xe0 ? has(99, '0102')(t) : 'without the Partial bit',
  }),
  update({
    rfc: 'RFC 4271 §5',
    says: 'an unknown attribute that is not transitive is dropped quietly',
    attributes: p => [...p.good, attr(0x80, 99, [1, 2])],
    expect: 'ok',
    told: lacks(99),
  }),
  update({
    rfc: 'RFC 4271 §5.1.1',
    says: 'ORIGIN is passed on unchanged',
    attributes: p => [attr(0x40, 1, [2]), p.path, p.nextHop],
    expect: 'ok',
    told: has(1, '02'),
  }),
  update({
    ...good,
    rfc: 'RFC 4271 §5.1.2',
    says: 'towards another AS our AS number is put in front of the sequence',
    told: (t, p) => has(2, `0203${as4(SUBJECT.as)}${as4(p.place.as)}${as4(NEW)}`)(t),
  }),
  update({
    rfc: 'RFC 4271 §5.1.2',
    says: 'before a path that starts with a set a new sequence is put',
    internal: true,
    attributes: p => [p.origin, attr(0x40, 2, [1, 1, ...number4(NEW)]), p.nextHop, localPref(100)],
    expect: ['ok', 'W'],
    told: has(2, `0201${as4(SUBJECT.as)}0101${as4(NEW)}`),
  }),
  update({
    rfc: 'RFC 4271 §5.1.2',
    says: 'before a full segment of 255 AS numbers a new segment is put',
    attributes: p => [
      p.origin,
      attr(0x50, 2, [2, 255, ...number4(p.place.as), ...new Array(254).fill(number4(NEW)).flat()]),
      p.nextHop,
    ],
    expect: ['ok'],
    told: t =>
      (digitsOf(t, 2) ?? '').startsWith(`0201${as4(SUBJECT.as)}02ff`)
        ? ''
        : (digitsOf(t, 2) ?? '').slice(0, 20),
  }),
  update({
    ...good,
    rfc: 'RFC 4271 §5.1.2',
    says: 'towards an internal peer the path stays as it is',
    witness: 'internal',
    told: (t, p) => has(2, `0202${as4(p.place.as)}${as4(NEW)}`)(t),
  }),
  update({
    ...good,
    rfc: 'RFC 4271 §5.1.3',
    level: 'SHOULD',
    says: 'towards an internal peer the next hop stays as it is',
    witness: 'internal',
    told: (t, p) => has(3, ipHex(p.place.ip))(t),
  }),
  update({
    ...good,
    rfc: 'RFC 4271 §5.1.3',
    says: 'towards an external peer the next hop is ours, or a third one on the shared network',
    told: (t, p) =>
      [SUBJECT.ip, p.place.ip].map(ipHex).includes(digitsOf(t, 3) ?? '') ? '' : `next hop ${digitsOf(t, 3)}`,
  }),
  update({
    rfc: 'RFC 4271 §5.1.3',
    says: 'no peer is told its own address as next hop',
    attributes: p => [p.origin, p.path, attr(0x40, 3, address(GUESTS.external.ip))],
    expect: ['ok', 'W'],
    told: t => (digitsOf(t, 3) === ipHex(GUESTS.external.ip) ? 'with the own address of the peer' : ''),
  }),
  update({
    rfc: 'RFC 4271 §5.1.3',
    says: 'a next hop that is another router on the shared network is accepted',
    attributes: p => [p.origin, p.path, attr(0x40, 3, [10, 79, 2, 250])],
    expect: 'ok',
  }),
  update({
    rfc: 'RFC 4271 §5.1.4',
    says: 'a MED from one AS is not told to another',
    attributes: p => [...p.good, med(9)],
    expect: 'ok',
    told: lacks(4),
  }),
  update({
    ...good,
    rfc: 'RFC 4271 §5.1.5',
    says: 'LOCAL_PREF stands in announcements to internal peers',
    witness: 'internal',
    told: t => (digitsOf(t, 5) === undefined ? 'without LOCAL_PREF' : ''),
  }),
  update({
    rfc: 'RFC 4271 §5.1.5',
    says: 'LOCAL_PREF is not told to external peers',
    internal: true,
    attributes: p => [...p.bare, localPref(200)],
    expect: 'ok',
    told: lacks(5),
  }),
  update({
    rfc: 'RFC 4271 §5.1.5',
    says: 'LOCAL_PREF from an external peer has no influence on what internal peers are told',
    witness: 'internal',
    attributes: p => [...p.bare, localPref(4000)],
    expect: 'ok',
    told: t => (digitsOf(t, 5) === '00000fa0' ? 'its LOCAL_PREF was kept' : ''),
  }),
  update({
    rfc: 'RFC 4271 §5.1.6',
    level: 'SHOULD',
    says: 'ATOMIC_AGGREGATE stays on the route',
    attributes: p => [...p.good, attr(0x40, 6, [])],
    expect: 'ok',
    told: has(6, ''),
  }),
  update({
    rfc: 'RFC 4271 §5.1.7',
    says: 'AGGREGATOR is passed on',
    attributes: p => [...p.good, attr(0xc0, 7, hex('0000fdf20a000009'))],
    expect: 'ok',
    told: has(7, '0000fdf20a000009'),
  }),
  update({
    rfc: 'RFC 4271 §9.2',
    says: 'a route from an internal peer is told to external ones',
    internal: true,
    witness: 'external',
    attributes: p => [...p.bare, localPref(100)],
    expect: 'ok',
  }),
  script({
    rfc: 'RFC 4271 §9.2.1',
    says: 'what one internal peer says is not told to another internal peer',
    needsRoutes: true,
    expect: 'told outside only',
    run: async (lab, place) => {
      lab.announce('i1', place.prefix, wayAttributes({ by: 'i1', more: [localPref(100)] }, place));
      const outside = await lab
        .guest('external')
        .until(place.prefix, told => told !== undefined, lab.patience.late);
      await new Promise(resolve => setTimeout(resolve, 100 + lab.patience.settle));
      const inside = lab.guest('internal').told(place.prefix) ?? lab.guest('i2').told(place.prefix);
      lab.withdraw('i1', place.prefix);
      return outside ? (inside === undefined ? 'told outside only' : 'told inside, too') : 'not told at all';
    },
  }),
  script({
    rfc: 'RFC 4271 §9.2',
    level: 'SHOULD',
    says: 'a route is not told back into the path: the neighbour that gave it gets it not, or with its own AS in it',
    needsRoutes: true,
    expect: 'no loop',
    run: async (lab, place) => {
      lab.announce('a', place.prefix, wayAttributes({ by: 'a' }, place));
      await lab.guest('external').until(place.prefix, told => told !== undefined, lab.patience.late);
      const back = lab.guest('a').told(place.prefix);
      lab.withdraw('a', place.prefix);
      return back === undefined || (digitsOf(back, 2) ?? '').includes(as4(GUESTS.a.as))
        ? 'no loop'
        : 'a loop';
    },
  }),
  // UPDATE as a whole
  inEstablished({
    rfc: 'RFC 4271 §4.3',
    says: 'a withdrawn route goes',
    bytes: p => raw(2, updateBody([], [], p.place.prefix)),
    expect: 'W',
  }),
  inEstablished({
    rfc: 'RFC 4271 §4.3',
    level: 'SHOULD',
    says: 'a prefix that one UPDATE both withdraws and announces counts as announced',
    bytes: p => raw(2, updateBody(p.good, p.place.prefix, p.place.prefix)),
    expect: 'ok',
  }),
  inEstablished({
    rfc: 'RFC 4271 §4.3',
    says: 'the bits after the length of a prefix are irrelevant',
    bytes: p =>
      raw(2, updateBody(p.good, join([23, 10, 200, (p.place.prefix[3] as number) | 1], p.place.prefix))),
    expect: 'ok',
  }),
  inEstablished({
    rfc: 'RFC 4271 §3.1',
    says: 'withdrawing a route that was never announced does no harm',
    bytes: () => raw(2, updateBody([], [], [24, 203, 0, 113])),
    expect: 'kept',
  }),
  inEstablished({
    rfc: 'RFC 4271 §4.3',
    says: 'one UPDATE may withdraw and announce different routes',
    bytes: p => raw(2, updateBody(p.good, [24, 10, 201, p.place.prefix[3] as number], p.place.prefix)),
    expect: 'W',
  }),
  inEstablished({
    rfc: 'RFC 4271 §4.3',
    says: 'messages may be cut anywhere and come in one piece',
    bytes: p =>
      join(raw(4, new Uint8Array(0)), raw(2, updateBody(p.good, p.place.prefix)), raw(4, new Uint8Array(0))),
    expect: 'ok',
  }),
  inEstablished({
    rfc: 'RFC 1997',
    says: 'NO_EXPORT keeps a route inside the AS',
    bytes: p => raw(2, updateBody([...p.good, attr(0xc0, 8, hex('ffffff01'))], p.place.prefix)),
    expect: 'W',
  }),
  inEstablished({
    rfc: 'RFC 1997',
    says: 'NO_ADVERTISE keeps a route from every peer',
    bytes: p => raw(2, updateBody([...p.good, attr(0xc0, 8, hex('ffffff02'))], p.place.prefix)),
    expect: 'W',
  }),
  update({
    rfc: 'RFC 6793 §4.2.3',
    says: 'AS_TRANS is replaced by what AS4_PATH carries',
    short: true,
    attributes: p => [
      p.origin,
      attr(0x40, 2, [2, 3, p.place.as >> 8, p.place.as & 255, 0x5b, 0xa0, NEW >> 8, NEW & 255]),
      p.nextHop,
      attr(0xc0, 17, [2, 2, 0, 1, 0, 0, ...number4(NEW)]),
    ],
    expect: 'ok',
    told: (t, p) => {
      // One segment or two: the sequence is what counts.
      const flat = (digitsOf(t, 2) ?? '').replace(/^02(..)((?:.{8})*?)02..(?=.{8})/, '0204$2');
      return flat === `0204${as4(SUBJECT.as)}${as4(p.place.as)}00010000${as4(NEW)}`
        ? ''
        : `path ${digitsOf(t, 2)}`;
    },
  }),
];

function isSorted(list: readonly number[]): boolean {
  // MP_REACH_NLRI comes first by RFC 7606 §5.1.
  return list.every(
    (code, i) => i === 0 || code === 14 || list[i - 1] === 14 || (list[i - 1] as number) < code,
  );
}
