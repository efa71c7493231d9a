import { mkdirSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { startChild } from '../child.ts';
import type { Topology } from '../topology.ts';
import type { Router, RouterPlace, RouterRoute, RouterSession } from './router.ts';

const API_PORT = 50051;

/** Both families on each session. */
const FAMILIES = ['ipv4-unicast', 'ipv6-unicast']
  .map(
    name => `\n  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "${name}"`,
  )
  .join('');

/** GoBGP's configuration: sessions only, it has no hand in the kernel. */
export function gobgpConfig(topology: Topology): string {
  const neighbours = topology.nodes.map(
    node => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${node.ip}"
    peer-as = ${topology.clusterAs}
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
    keepalive-interval = 3${topology.podCidr6 === undefined ? '' : FAMILIES}`,
  );
  return `[global.config]
  as = ${topology.torAs}
  router-id = "${topology.tor.ip}"
  local-address-list = ["${topology.tor.ip}"]
${neighbours.join('\n')}
`;
}

/** GoBGP as the router: learns routes, forwards nothing. */
export function gobgp({ topology, folder }: RouterPlace): Router {
  const ask = async (...command: string[]): Promise<unknown> => {
    const args = ['netns', 'exec', topology.tor.netns, 'gobgp', '-j', '-p', String(API_PORT), ...command];
    const { stdout } = await execa('ip', args, { reject: false, timeout: 5000 });
    try {
      return JSON.parse(stdout ?? '');
    } catch {
      return undefined;
    }
  };
  return {
    kind: 'gobgp',
    forwards: false,
    bfd: false,
    async start() {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/gobgpd.toml`, gobgpConfig(topology));
      return startChild({
        lab: topology.id,
        name: 'tor',
        netns: topology.tor.netns,
        command: [
          'gobgpd',
          '-f',
          `${folder}/gobgpd.toml`,
          '--api-hosts',
          `127.0.0.1:${API_PORT}`,
          '--pprof-disable',
        ],
        log: `${folder}/gobgpd.log`,
      });
    },
    async sessions(): Promise<readonly RouterSession[]> {
      const peers = (await ask('neighbor')) as
        | readonly { conf?: { neighbor_address?: string }; state?: { session_state?: number | string } }[]
        | undefined;
      return (peers ?? []).map(({ conf, state }) => {
        const word = String(state?.session_state ?? 'unknown');
        // GoBGP's JSON writes the enumeration: 6 is ESTABLISHED.
        const established = word === '6' || /established/i.test(word);
        return {
          peer: conf?.neighbor_address ?? '?',
          established,
          state: established ? 'Established' : word,
        };
      });
    },
    async routes(): Promise<readonly RouterRoute[]> {
      const families = topology.podCidr6 === undefined ? ['ipv4'] : ['ipv4', 'ipv6'];
      return (await Promise.all(families.map(learned))).flat();
    },
  };
  async function learned(family: string): Promise<readonly RouterRoute[]> {
    const table = (await ask('global', 'rib', '-a', family)) as
      | Record<string, readonly { best?: boolean; attrs?: readonly { type: number; nexthop?: string }[] }[]>
      | undefined;
    return Object.entries(table ?? {}).map(([prefix, paths]) => ({
      prefix,
      nextHops: paths
        .filter(path => path.best)
        .flatMap(path => (path.attrs ?? []).flatMap(attribute => attribute.nexthop ?? [])),
    }));
  }
}
