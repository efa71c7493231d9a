import { runCommand } from '@muslin/linux';
import { fail, ok, type Result } from '@muslin/net';
import type { PacketLimits, WayLimits } from './packet-limits.ts';

/** Our table of limits: apart from policy, so that counts go on when policies change. */
export const LIMIT_TABLE = 'inet muslin-limits';

/** A pod's end on the node, and what it is held to. */
export interface LimitedLink {
  readonly hostInterface: string;
  readonly limits: PacketLimits;
}

/** What a packet's way through the node is called here: a pod sends into prerouting, and gets out of postrouting. */
const WAYS = [
  { way: 'egress', map: 'sent', chain: 'from-pods', hook: 'prerouting', name: 'iifname' },
  { way: 'ingress', map: 'got', chain: 'to-pods', hook: 'postrouting', name: 'oifname' },
] as const;

/** Those who name no burst get this much of a second, and no less than iptables gives. */
const BURST_S = 0.1;
const LEAST_BURST = 5;

/** Holds an interface to its limits: after connection tracking, beside all rules of policy. */
export function holdTo(link: LimitedLink): Promise<Result<void, { readonly message: string }>> {
  return runScript(holdScript(link));
}

/** Takes its limits away, and with the `last` one the table. */
export function letGo(link: LimitedLink, last: boolean): Promise<Result<void, { readonly message: string }>> {
  // Made before it is deleted, so that deleting twice is fine.
  const gone = last ? `delete table ${LIMIT_TABLE}\n` : removal(link);
  return runScript(`${holdScript(link)}${gone}`);
}

/** One transaction for `nft -f`; said twice it changes nothing but that counting begins anew. */
export function holdScript({ hostInterface, limits }: LimitedLink): string {
  const lines = [`add table ${LIMIT_TABLE}`];
  for (const { way, map, chain, hook, name } of WAYS) {
    const own = `${hostInterface}-${map}`;
    lines.push(
      `add map ${LIMIT_TABLE} ${map} { type ifname : verdict; }`,
      // Connections are known from priority -200 on.
      `add chain ${LIMIT_TABLE} ${chain} { type filter hook ${hook} priority -160; policy accept; }`,
      `flush chain ${LIMIT_TABLE} ${chain}`,
      `add rule ${LIMIT_TABLE} ${chain} ${name} vmap @${map}`,
      `add chain ${LIMIT_TABLE} ${own}`,
      `flush chain ${LIMIT_TABLE} ${own}`,
      ...rulesOf(limits[way] ?? {}).map(rule => `add rule ${LIMIT_TABLE} ${own} ${rule}`),
      `add element ${LIMIT_TABLE} ${map} { "${hostInterface}" : jump ${own} }`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Those links whose limits are not as they were set, in what `nft list ruleset` prints. */
export function lostLimits(listed: string, held: readonly LimitedLink[]): readonly LimitedLink[] {
  const [, table = ''] = listed.split(`table ${LIMIT_TABLE} {`);
  const [own = ''] = table.split('\n}');
  return held.filter(({ hostInterface, limits }) =>
    WAYS.some(({ way, map, chain, name }) => {
      const target = `${hostInterface}-${map}`;
      const [, after = ''] = own.split(`chain ${target} {`);
      const [body = ''] = after.split('}');
      const rules = body.split('\n').filter(line => line.includes(' drop')).length;
      return (
        !own.includes(`"${hostInterface}" : jump ${target}`) ||
        !own.includes(`chain ${chain} {`) ||
        !own.includes(`${name} vmap @${map}`) ||
        rules !== rulesOf(limits[way] ?? {}).length
      );
    }),
  );
}

function removal({ hostInterface }: LimitedLink): string {
  return WAYS.map(({ map }) => {
    const own = `${hostInterface}-${map}`;
    return `delete element ${LIMIT_TABLE} ${map} { "${hostInterface}" : jump ${own} }\ndelete chain ${LIMIT_TABLE} ${own}\n`;
  }).join('');
}

function rulesOf({ packetsPerSecond, packetBurst, maxConnections }: WayLimits): readonly string[] {
  const rules: string[] = [];
  if (maxConnections !== undefined) rules.push(`ct state new ct count over ${maxConnections} counter drop`);
  if (packetsPerSecond === undefined) return rules;
  const burst = packetBurst ?? Math.max(LEAST_BURST, Math.ceil(packetsPerSecond * BURST_S));
  return [...rules, `limit rate over ${packetsPerSecond}/second burst ${burst} packets counter drop`];
}

async function runScript(input: string): Promise<Result<void, { readonly message: string }>> {
  const ran = await runCommand('nft', ['-f', '-'], { input, timeoutMs: 15_000 });
  return ran.ok ? ok(undefined) : fail({ message: `limits of packets can't be set: ${ran.fault.message}` });
}
