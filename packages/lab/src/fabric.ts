import { execa } from 'execa';
import type { Host, Topology } from './topology.ts';

/** Lines for `ip -batch`, by the namespace they run in (empty for the machine's own). */
export interface FabricPlan {
  readonly machine: readonly string[];
  readonly inside: ReadonlyMap<string, readonly string[]>;
}

/** What to tell `ip` so that the topology exists. Pure, so that a test can read it. */
export function planFabric(topology: Topology): FabricPlan {
  const onWire: readonly Host[] = [topology.control, ...topology.nodes, topology.tor];
  const all = [topology.wire, ...onWire.map(h => h.netns), topology.outside.netns];
  const machine = [
    ...all.map(ns => `netns add ${ns}`),
    ...onWire.map(h => `link add eth0 netns ${h.netns} type veth peer name ${h.name} netns ${topology.wire}`),
    `link add out0 netns ${topology.tor.netns} type veth peer name eth0 netns ${topology.outside.netns}`,
  ];
  const inside = new Map<string, string[]>();
  inside.set(topology.wire, [
    'link set lo up',
    'link add br0 type bridge',
    'link set br0 up',
    ...onWire.flatMap(h => [`link set ${h.name} master br0`, `link set ${h.name} up`]),
  ]);
  for (const h of onWire) {
    const lines = [
      'link set lo up',
      'link set eth0 up',
      `address add ${h.ip}/${topology.prefixLength} dev eth0`,
    ];
    if (h !== topology.tor) lines.push(`route add default via ${h.gateway ?? topology.tor.ip}`);
    if (h.ip6 !== undefined) lines.push(`address add ${h.ip6}/64 dev eth0 nodad`);
    if (h !== topology.tor && h.ip6 !== undefined)
      lines.push(`route add default via ${h.gateway6 ?? topology.tor.ip6}`);
    inside.set(h.netns, lines);
  }
  const gateways = new Set(topology.nodes.flatMap(({ gateway }) => gateway ?? []));
  for (const ip of gateways)
    inside.get(topology.tor.netns)?.push(`address add ${ip}/${topology.prefixLength} dev eth0`);
  for (const ip of new Set(topology.nodes.flatMap(({ gateway6 }) => gateway6 ?? [])))
    inside.get(topology.tor.netns)?.push(`address add ${ip}/64 dev eth0 nodad`);
  inside
    .get(topology.tor.netns)
    ?.push('link set out0 up', `address add ${topology.torOutsideIp}/24 dev out0`);
  inside.set(topology.outside.netns, [
    'link set lo up',
    'link set eth0 up',
    `address add ${topology.outside.ip}/24 dev eth0`,
    `route add default via ${topology.torOutsideIp}`,
  ]);
  if (topology.torOutsideIp6 !== undefined) {
    inside.get(topology.tor.netns)?.push(`address add ${topology.torOutsideIp6}/64 dev out0 nodad`);
    inside
      .get(topology.outside.netns)
      ?.push(
        `address add ${topology.outside.ip6}/64 dev eth0 nodad`,
        `route add default via ${topology.torOutsideIp6}`,
      );
  }
  return { machine, inside };
}

/** Makes the topology's namespaces and wires. */
export async function buildFabric(topology: Topology): Promise<void> {
  const plan = planFabric(topology);
  await ipBatch(plan.machine);
  await Promise.all([...plan.inside].map(([netns, lines]) => ipBatch(lines, netns)));
}

/** Runs `ip -batch` in a namespace; throws with the tool's own words when a line fails. */
export async function ipBatch(lines: readonly string[], netns?: string): Promise<void> {
  const args = netns === undefined ? ['-batch', '-'] : ['-n', netns, '-batch', '-'];
  await execa('ip', args, { input: `${lines.join('\n')}\n`, timeout: 30_000 });
}
