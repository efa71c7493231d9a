import { mkdirSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { startChild } from '../child.ts';
import { BFD, type Topology } from '../topology.ts';
import type { Router, RouterPlace, RouterRoute, RouterSession } from './router.ts';

/** BIRD 2's configuration: one eBGP session per node, routes with equal paths into the kernel. */
export function birdConfig(topology: Topology): string {
  const dual = topology.podCidr6 !== undefined;
  const neighbours = topology.nodes.map(
    node => `
protocol bgp ${node.name} {
  local ${topology.tor.ip} as ${topology.torAs};
  neighbor ${node.ip} as ${topology.clusterAs};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 5;
  hold time 9;
  bfd graceful;
  ipv4 { import all; export none; };${dual ? '\n  ipv6 { import all; export none; };' : ''}
}`,
  );
  return `router id ${topology.tor.ip};
log stderr all;
protocol device { scan time 1; }
protocol bfd { interface "*" { interval ${BFD.intervalMilliseconds} ms; multiplier ${BFD.detectMultiplier}; }; }
protocol direct { ipv4; ${dual ? 'ipv6; ' : ''}}
protocol kernel { ipv4 { export where source = RTS_BGP; }; merge paths yes; }
${dual ? 'protocol kernel { ipv6 { export where source = RTS_BGP; }; merge paths yes; }\n' : ''}${neighbours.join('\n')}
`;
}

/** The router that the lab takes unless asked otherwise. */
export function bird({ topology, folder }: RouterPlace): Router {
  const control = `${folder}/bird.ctl`;
  const ask = async (command: string) => {
    const { stdout } = await execa('birdc', ['-r', '-s', control, ...command.split(' ')], {
      reject: false,
      timeout: 5000,
    });
    return stdout ?? '';
  };
  return {
    kind: 'bird',
    forwards: true,
    bfd: true,
    async start() {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/bird.conf`, birdConfig(topology));
      return startChild({
        lab: topology.id,
        name: 'tor',
        netns: topology.tor.netns,
        command: ['bird', '-f', '-c', `${folder}/bird.conf`, '-s', control, '-P', `${folder}/bird.pid`],
        log: `${folder}/bird.log`,
      });
    },
    sessions: async () => parseProtocols(await ask('show protocols'), topology),
    routes: async () => parseRoutes(await ask('show route primary all where source=RTS_BGP')),
  };
}

/** Reads `show protocols`: `node1  BGP  ---  up  12:00:00.000  Established`. */
export function parseProtocols(text: string, topology: Topology): readonly RouterSession[] {
  const byName = new Map(topology.nodes.map(node => [node.name, node.ip]));
  return text.split('\n').flatMap(line => {
    const [name = '', kind, , , , ...state] = line.trim().split(/\s+/);
    const peer = byName.get(name);
    if (kind !== 'BGP' || peer === undefined) return [];
    return [{ peer, established: state[0] === 'Established', state: state.join(' ') || 'down' }];
  });
}

/** Reads `show route`: a line with the prefix, then `via` lines. */
export function parseRoutes(text: string): RouterRoute[] {
  const routes = new Map<string, string[]>();
  let prefix: string | undefined;
  for (const line of text.split('\n')) {
    prefix = /^([0-9a-f.:]+\/\d+)\s/.exec(line)?.[1] ?? prefix;
    const via = /^\s+via ([0-9a-f.:]+) on/.exec(line)?.[1];
    if (prefix === undefined || via === undefined) continue;
    const hops = routes.get(prefix) ?? [];
    if (!hops.includes(via)) hops.push(via);
    routes.set(prefix, hops);
  }
  return [...routes].map(([p, nextHops]) => ({ prefix: p, nextHops }));
}
