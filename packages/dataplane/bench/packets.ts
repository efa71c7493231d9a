import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeState } from '@muslin/api';
import {
  compile,
  desiredSets,
  emptyTable,
  IPTABLES_LIMITS,
  ipsetBeforeRules,
  LOOKUP_LIMITS,
  lower,
  NFT_LIMITS,
  type NodeConfig,
  nftScript,
  nftTable,
  planNft,
  planSets,
  planTable,
  renderTables,
  restoreInput,
} from '../src/index.ts';
import { calicoSets, calicoShaped } from './calico-shaped.ts';
import type { Emit } from './emit.ts';
import { fullNode, nodeConfig, OPEN_PORT } from './full-node.ts';
import { median } from './median.ts';
import { inside, PodPair } from './pod-pair.ts';

const ipset = (node: string, input: string) => inside(node, ['ipset', 'restore', '-exist'], input);

function ours(node: string, variant: 'legacy' | 'nft', state: NodeState, config: NodeConfig): void {
  const rules = lower(compile(state, config), IPTABLES_LIMITS);
  ipset(node, ipsetBeforeRules(planSets(desiredSets(state.sets, rules), new Map())));
  for (const table of renderTables(rules)) {
    const input = restoreInput(planTable(table, emptyTable(table.table)));
    if (input !== '') inside(node, [`iptables-${variant}-restore`, '--noflush', '-w', '5'], input);
  }
}

function oursNft(node: string, state: NodeState, config: NodeConfig): void {
  const table = nftTable(lower(compile(state, config), NFT_LIMITS), state.sets);
  inside(node, ['nft', '-f', '-'], nftScript(planNft(table, undefined)));
}

function calico(node: string, variant: 'legacy' | 'nft', state: NodeState, flowLogs: boolean): void {
  ipset(node, calicoSets(state));
  inside(node, [`iptables-${variant}-restore`, '--noflush', '-w', '5'], calicoShaped(state, { flowLogs }));
}

/** What ours are compared with: as `calico.yaml` installs it, and as the operator's default resources do. */
const CALICO = ['calico-shaped iptables-nft', 'calico-shaped iptables-nft, flow logs'] as const;

/** Connection tracking is on as soon as a rule may ask it; this one nobody reaches. */
const TRACK = 'table ip track {\n  chain never {\n    ct state invalid drop\n  }\n}\n';

/** The floor of whoever asks before tracking and when forwarding: two hooks, a rule in each that no packet meets. */
const HOOKS = `table ip hooks {
  chain before { type filter hook prerouting priority -300; iifname "nobody" drop; }
  chain forward { type filter hook forward priority 0; iifname "nobody" drop; }
}
`;
const XT_HOOKS =
  '*raw\n-A PREROUTING -i nobody -j DROP\nCOMMIT\n*filter\n-A FORWARD -i nobody -j DROP\nCOMMIT\n';

/** Structures that let everything through. */
const UNFILTERED: ReadonlySet<string> = new Set(['none', 'conntrack only', 'two hooks', 'two hooks, legacy']);

type Load = (node: string, state: NodeState) => void;
export const STRUCTURES: Readonly<Record<string, Load>> = {
  none: () => {},
  'conntrack only': node => inside(node, ['nft', '-f', '-'], TRACK),
  'two hooks': node => inside(node, ['nft', '-f', '-'], TRACK + HOOKS),
  'two hooks, legacy': node => {
    inside(node, ['nft', '-f', '-'], TRACK);
    inside(node, ['iptables-legacy-restore', '-w', '5'], XT_HOOKS);
  },
  'muslin nft': (node, state) => oursNft(node, state, nodeConfig(LOOKUP_LIMITS)),
  'muslin iptables-nft': (node, state) => ours(node, 'nft', state, nodeConfig(LOOKUP_LIMITS)),
  'muslin iptables-legacy': (node, state) => ours(node, 'legacy', state, nodeConfig(LOOKUP_LIMITS)),
  'muslin nft, chains': (node, state) => oursNft(node, state, nodeConfig(undefined)),
  [CALICO[0]]: (node, state) => calico(node, 'nft', state, false),
  [CALICO[1]]: (node, state) => calico(node, 'nft', state, true),
  'calico-shaped iptables-legacy': (node, state) => calico(node, 'legacy', state, false),
};

/**
 * Per packet: what the rules of 500 pods with 50 policies of five rules each cost a connection and a datagram. Rates
 * are per second of CPU, so that other load changes them little; still only ratios mean anything.
 */
export async function measurePackets(emit: Emit, quick: boolean): Promise<void> {
  const [pods, policies, rounds, ms] = [500, 50, quick ? 3 : 9, quick ? 250 : 400];
  const state = fullNode({ pods, policies, sharing: pods, members: 10 }, ['ingress']);
  const folder = mkdtempSync(join(tmpdir(), 'msl-bench-'));
  const program = join(folder, 'traffic');
  const pairs = new Map<string, PodPair>();
  try {
    execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('./traffic.c', import.meta.url))]);
    for (const [i, [name, load]] of Object.entries(STRUCTURES).entries()) {
      const pair = new PodPair(`${i}-${process.pid}`, pods >> 1);
      pairs.set(name, pair);
      load(pair.node, state);
      if (UNFILTERED.has(name)) continue;
      const leak = await pair.datagrams(program, 0, OPEN_PORT + 1, 5);
      if (leak > 0) throw new Error(`${name} lets through what no policy allows`);
    }
    const seen = { connections: new Map<string, number[]>(), datagrams: new Map<string, number[]>() };
    for (let round = 0; round < rounds; round++)
      for (const [name, pair] of pairs)
        for (const kind of ['connections', 'datagrams'] as const) {
          const rate = await pair[kind](program, round % 2, OPEN_PORT, ms);
          if (rate === 0) throw new Error(`nothing came through ${name}`);
          seen[kind].set(name, [...(seen[kind].get(name) ?? []), rate]);
        }
    for (const kind of ['connections', 'datagrams'] as const) {
      const rates = new Map([...seen[kind]].map(([name, list]) => [name, median(list)]));
      const bare = rates.get('conntrack only') as number;
      for (const [name, value] of rates) {
        const row = {
          suite: 'policy' as const,
          case: `${kind}: ${pods} pods × ${policies} policies`,
          name,
          value,
          unit: '/s',
        };
        emit({ ...row, peer: 'conntrack only', peerValue: bare });
        if (name.startsWith('muslin') || name === 'conntrack only')
          for (const peer of CALICO) emit({ ...row, peer, peerValue: rates.get(peer) as number });
      }
    }
  } finally {
    for (const pair of pairs.values()) pair.close();
    rmSync(folder, { recursive: true });
  }
}
