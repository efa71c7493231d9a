import { ADDRESS } from '../place.ts';
import type { Family, TheirNeighbour, TheirPlan, TheirRoute } from './peer-daemon.ts';

/** A line of configuration may not be longer than FRR's buffer. */
const COMMUNITIES_PER_LINE = 200;

/** bgpd's configuration. */
export function frrConfig(plan: TheirPlan): string {
  const names = plan.neighbours.map(({ ip }) => plan.unnumbered ?? ip);
  return `log stdout
debug bgp neighbor-events
debug bgp bfd
router bgp ${plan.as}
 bgp router-id ${ADDRESS.theirs.ipv4}
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
${plan.gracefulRestart ? ' bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n' : ''}${plan.neighbours.map(neighbour => session(plan, neighbour)).join('')}${plan.families.map(family => addressFamily(plan, family, names)).join('')}exit
${plan.routes.map(routeMap).join('')}${nextHopMap(plan)}`;
}

function session(plan: TheirPlan, { ip, as }: TheirNeighbour): string {
  const name = plan.unnumbered ?? ip;
  const hold = plan.holdTime ?? 30;
  const lines = [
    plan.unnumbered === undefined ? `remote-as ${as}` : `interface remote-as ${as}`,
    `timers ${Math.floor(hold / 3)} ${hold}`,
    'timers connect 1',
    plan.password === undefined ? '' : `password ${plan.password}`,
    plan.gtsm ? 'ttl-security hops 1' : '',
    plan.passive ? 'passive' : '',
    plan.extendedNextHop && plan.unnumbered === undefined ? 'capability extended-nexthop' : '',
    plan.bfd ? 'bfd' : '',
  ];
  return lines
    .filter(Boolean)
    .map(line => ` neighbor ${name} ${line}\n`)
    .join('');
}

function addressFamily(plan: TheirPlan, family: Family, names: readonly string[]): string {
  const own = plan.routes.map((route, i) => ({
    ...route,
    map: hasAttributes(route) ? ` route-map r${i}` : '',
  }));
  const networks = own
    .filter(({ prefix }) => prefix.includes(':') === (family === 'ipv6'))
    .map(({ prefix, map }) => `  network ${prefix}${map}\n`);
  const lines = [
    'activate',
    plan.reflects ? 'route-reflector-client' : '',
    plan.addPath ? 'addpath-tx-all-paths' : '',
    plan.maxPrefixes === undefined ? '' : `maximum-prefix ${plan.maxPrefixes}`,
    isForeign(plan, family) ? `route-map next-${family} out` : '',
  ];
  const neighbours = names.flatMap(name => lines.filter(Boolean).map(line => `  neighbor ${name} ${line}\n`));
  return ` address-family ${family} unicast\n${neighbours.join('')}${networks.join('')}${bulk(plan, family)} exit-address-family\n`;
}

function bulk(plan: TheirPlan, family: Family): string {
  const count = family === 'ipv4' ? (plan.bulk ?? 0) : 0;
  return Array.from({ length: count }, (_, i) => `  network 172.${16 + (i >> 8)}.${i & 255}.0/24\n`).join('');
}

/** The session's addresses are of the other family, so the next hop must be said. */
function isForeign(plan: TheirPlan, family: Family): boolean {
  return plan.ip.includes(':') !== (family === 'ipv6') && plan.extendedNextHop !== true;
}

function nextHopMap(plan: TheirPlan): string {
  return `${isForeign(plan, 'ipv4') ? `route-map next-ipv4 permit 10\n set ip next-hop ${ADDRESS.theirs.ipv4}\nexit\n` : ''}${isForeign(plan, 'ipv6') ? `route-map next-ipv6 permit 10\n set ipv6 next-hop global ${ADDRESS.theirs.ipv6}\nexit\n` : ''}`;
}

function hasAttributes(route: TheirRoute): boolean {
  return (route.communities ?? route.largeCommunities ?? route.extendedCommunities) !== undefined;
}

function routeMap(route: TheirRoute, i: number): string {
  const { communities = [], largeCommunities = [], extendedCommunities = [] } = route;
  const sets: string[] = [];
  for (let at = 0; at < communities.length; at += COMMUNITIES_PER_LINE)
    sets.push(`set community ${communities.slice(at, at + COMMUNITIES_PER_LINE).join(' ')} additive`);
  if (largeCommunities.length > 0) sets.push(`set large-community ${largeCommunities.join(' ')}`);
  for (const community of extendedCommunities)
    sets.push(`set extcommunity rt ${community.replace('rt:', '')}`);
  return sets
    .map((set, at) => {
      const next = at + 1 < sets.length ? ' on-match next\n' : '';
      return `route-map r${i} permit ${10 + at}\n ${set}\n${next}exit\n`;
    })
    .join('');
}
