import { mkdirSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { startChild } from '../child.ts';
import { BFD, type Topology } from '../topology.ts';
import type { Router, RouterPlace, RouterRoute, RouterSession } from './router.ts';

/** FRR's configuration for the same role that BIRD plays. */
export function frrConfig(topology: Topology): string {
  const peers = topology.nodes.map(
    node =>
      ` neighbor ${node.ip} remote-as ${topology.clusterAs}\n neighbor ${node.ip} timers 3 9\n neighbor ${node.ip} bfd ${BFD.detectMultiplier} ${BFD.intervalMilliseconds} ${BFD.intervalMilliseconds}`,
  );
  return `hostname tor
router bgp ${topology.torAs}
 bgp router-id ${topology.tor.ip}
 no bgp ebgp-requires-policy
${peers.join('\n')}
 address-family ipv4 unicast
  maximum-paths 64
 exit-address-family
${topology.podCidr6 === undefined ? '' : sixes(topology)}`;
}

/** The same sessions carry IPv6, too (RFC 2545). */
function sixes({ nodes }: Topology): string {
  const peers = nodes.map(node => `  neighbor ${node.ip} activate\n`);
  return ` address-family ipv6 unicast\n  maximum-paths 64\n${peers.join('')} exit-address-family\n`;
}

/** FRR as the router: zebra puts routes into the kernel, bgpd speaks. */
export function frr({ topology, folder }: RouterPlace): Router {
  const vty = async (command: string): Promise<unknown> => {
    const { stdout } = await execa('vtysh', ['--vty_socket', folder, '-c', command], {
      reject: false,
      timeout: 5000,
    });
    try {
      return JSON.parse(stdout ?? '');
    } catch {
      return {};
    }
  };
  const daemon = (name: 'zebra' | 'bfdd' | 'bgpd', ...more: readonly string[]) =>
    startChild({
      lab: topology.id,
      name: name === 'bgpd' ? 'tor' : `tor-${name}`,
      netns: topology.tor.netns,
      command: [
        `/usr/lib/frr/${name}`,
        ...['--vty_socket', folder, '-z', `${folder}/zserv.api`],
        ...[
          '-i',
          `${folder}/${name}.pid`,
          '-f',
          `${folder}/${name}.conf`,
          '-A',
          '127.0.0.1',
          '--log',
          'stdout',
          ...more,
        ],
      ],
      log: `${folder}/${name}.log`,
    });
  return {
    kind: 'frr',
    forwards: true,
    bfd: true,
    async start() {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/bgpd.conf`, frrConfig(topology));
      for (const name of ['zebra', 'bfdd']) writeFileSync(`${folder}/${name}.conf`, 'hostname tor\n');
      // FRR gives up root and then makes its sockets here.
      await execa('chown', ['-R', 'frr:frr', folder]);
      daemon('zebra');
      await new Promise(resolve => setTimeout(resolve, 300));
      daemon('bfdd', '--bfdctl', `${folder}/bfdd.ctl`);
      await new Promise(resolve => setTimeout(resolve, 100));
      return daemon('bgpd');
    },
    async sessions(): Promise<readonly RouterSession[]> {
      const summary = (await vty('show bgp ipv4 unicast summary json')) as {
        peers?: Record<string, { state?: string }>;
      };
      return Object.entries(summary.peers ?? {}).map(([peer, { state = 'unknown' }]) => ({
        peer,
        established: state === 'Established',
        state,
      }));
    },
    async routes(): Promise<readonly RouterRoute[]> {
      const families = topology.podCidr6 === undefined ? ['ipv4'] : ['ipv4', 'ipv6'];
      return (await Promise.all(families.map(learned))).flat();
    },
  };
  async function learned(family: string): Promise<readonly RouterRoute[]> {
    const table = (await vty(`show bgp ${family} unicast json`)) as {
      routes?: Record<
        string,
        readonly {
          valid?: boolean;
          bestpath?: boolean;
          multipath?: boolean;
          nexthops?: readonly { ip?: string }[];
        }[]
      >;
    };
    return Object.entries(table.routes ?? {}).map(([prefix, paths]) => ({
      prefix,
      nextHops: paths
        .filter(p => p.bestpath || p.multipath)
        // FRR tells the link-local address beside the global one.
        .flatMap(p => (p.nexthops ?? []).flatMap(h => h.ip ?? []))
        .filter(ip => !ip.startsWith('fe80:')),
    }));
  }
}
