import { attr, hex, join, path, raw, updateBody } from '../octets.ts';
import type { Lab } from '../lab.ts';
import type { Place } from '../place.ts';
import { established, nearest, type Probe, script } from '../probe.ts';
import { digitsOf, type Told } from '../told.ts';

const HOP = 'fd790000000000000000000000000099';
const OLD = 64990;
const NEW = 64991;

/** 2001:db8:n::/48, n being the last octets of an IPv4 prefix of the place. */
const in6 = ([, , high, low]: readonly number[]) => [
  48,
  0x20,
  0x01,
  0x0d,
  0xb8,
  high as number,
  low as number,
];
const prefixOf = (place: Place) => in6(place.prefix);
const reachFor = (prefix: readonly number[], flags = 0x80) =>
  attr(flags, 14, join(hex(`0002 01 10 ${HOP} 00`), prefix));
const reach = (place: Place, flags?: number) => reachFor(prefixOf(place), flags);
const unreach = (place: Place) => attr(0x80, 15, join(hex('000201'), prefixOf(place)));
const origin = attr(0x40, 1, [0]);
const pathVia = (place: Place, as: number) => path(...nearest(place), as);

interface Case {
  readonly rfc: string;
  readonly level?: 'MUST' | 'SHOULD';
  readonly says: string;
  readonly attributes: (place: Place) => readonly Uint8Array[];
  readonly expect: string;
  readonly told?: (told: Told) => string;
}

/** Like `inEstablished`, for a route of IPv6 that is in MP_REACH_NLRI. */
const ipv6 = ({ attributes, told = () => '', ...c }: Case): Probe =>
  script({ ...c, needsRoutes: true, run: (lab, place) => observe(lab, place, attributes(place), told) });

async function observe(
  lab: Lab,
  place: Place,
  attributes: readonly Uint8Array[],
  check: (told: Told) => string,
) {
  const session = await established(lab, place);
  const witness = lab.guest('external');
  const { late } = lab.patience;
  const there = (told: Told | undefined) => told !== undefined;
  const seen = () => witness.told(prefixOf(place), 6);
  session.send(raw(2, updateBody([reach(place), origin, pathVia(place, OLD)], [])));
  if (!(await witness.until(prefixOf(place), there, late, 6))) return 'the good route was not told';
  // The marker is of the same family: families are told one after the other.
  const marker = in6(place.marker);
  session.send(raw(2, updateBody(attributes, [])));
  session.send(raw(2, updateBody([reachFor(marker), origin, path(...nearest(place), NEW)], [])));
  const gone = () => session.farewell() !== undefined;
  const end = performance.now() + late;
  while (!gone() && witness.told(marker, 6) === undefined && performance.now() < end)
    await Promise.race([witness.until(marker, there, 100, 6), session.until(gone, 100)]);
  await session.until(gone, lab.patience.settle);
  const words = session.farewell();
  const told = seen();
  session.close();
  if (words !== undefined) return words;
  if (told === undefined) return 'W';
  if ((digitsOf(told, 2) ?? '').includes(`0000${OLD.toString(16)}`)) return 'kept';
  const more = check(told);
  return `ok${more === '' ? '' : `: ${more}`}`;
}

/** RFC 4760 and what RFC 7606 asks for where the routes are in MP_REACH_NLRI. */
export const IPV6_PROBES: readonly Probe[] = [
  ipv6({
    rfc: 'RFC 4760 §3',
    says: 'IPv6 routes go over the same session, and need no NEXT_HOP',
    attributes: p => [reach(p), origin, pathVia(p, NEW)],
    expect: 'ok',
  }),
  ipv6({
    rfc: 'RFC 7606 §5.1',
    level: 'SHOULD',
    says: 'MP_REACH_NLRI is the first attribute of what is sent',
    attributes: p => [origin, pathVia(p, NEW), reach(p)],
    expect: 'ok',
    told: t => (t.attributes[0]?.code === 14 ? '' : `the first is ${t.attributes[0]?.code}`),
  }),
  ipv6({
    rfc: 'RFC 4760 §4',
    says: 'MP_UNREACH_NLRI takes IPv6 routes away',
    attributes: p => [unreach(p)],
    expect: 'W',
  }),
  ipv6({
    rfc: 'RFC 7606 §2',
    says: 'treat-as-withdraw counts for routes in MP_REACH_NLRI: a malformed ORIGIN',
    attributes: p => [reach(p), attr(0x40, 1, [7]), pathVia(p, NEW)],
    expect: 'W',
  }),
  ipv6({
    rfc: 'RFC 7606 §3 d',
    says: 'a missing AS_PATH takes routes in MP_REACH_NLRI away',
    attributes: p => [reach(p), origin],
    expect: 'W',
  }),
  ipv6({
    rfc: 'RFC 7606 §3 c',
    says: 'MP_REACH_NLRI with the transitive bit is treated as withdraw',
    attributes: p => [reach(p, 0xc0), origin, pathVia(p, NEW)],
    expect: 'W',
  }),
  ipv6({
    rfc: 'RFC 4760 §3',
    says: 'a NEXT_HOP beside MP_REACH_NLRI without plain routes is ignored, whatever it is',
    attributes: p => [reach(p), origin, pathVia(p, NEW), attr(0x40, 3, [10, 79, 2, 250])],
    expect: 'ok',
  }),
  ipv6({
    rfc: 'RFC 4760 §3',
    says: 'the reserved octet of MP_REACH_NLRI is ignored',
    attributes: p => [
      attr(0x80, 14, join(hex(`0002 01 10 ${HOP} ff`), prefixOf(p))),
      origin,
      pathVia(p, NEW),
    ],
    expect: 'ok',
  }),
  ipv6({
    rfc: 'RFC 2545 §3',
    says: 'a next hop of a global and a link-local address is accepted',
    attributes: p => [
      attr(0x80, 14, join(hex(`0002 01 20 ${HOP} fe800000000000000000000000000001 00`), prefixOf(p))),
      origin,
      pathVia(p, NEW),
    ],
    expect: 'ok',
  }),
];
