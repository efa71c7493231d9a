import type { NodeState } from '@muslin/api';
import {
  compile,
  IPTABLES_LIMITS,
  lower,
  LOOKUP_LIMITS,
  NFT_LIMITS,
  type NodeConfig,
  nftTable,
  Prover,
  readBack,
  renderTables,
} from '../src/index.ts';
import type { Emit } from './emit.ts';
import { fullNode, nodeConfig, withChangedPolicy } from './full-node.ts';
import { median } from './median.ts';

const cpuMs = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};

const FORMS = {
  iptables: (state: NodeState, config: NodeConfig) => {
    const lowered = lower(compile(state, config), IPTABLES_LIMITS);
    return { lowered, rendered: renderTables(lowered) };
  },
  nftables: (state: NodeState, config: NodeConfig) => {
    const lowered = lower(compile(state, config), NFT_LIMITS);
    return { lowered, rendered: nftTable(lowered, state.sets) };
  },
} as const;

/** What a proof costs a node: from nothing, after one policy changed, after one pod more; ms of CPU. */
export function measureProof(emit: Emit, quick: boolean): void {
  for (const [form, make] of Object.entries(FORMS))
    for (const setLookups of [LOOKUP_LIMITS, undefined])
      for (const [pods, policies] of [
        [110, 20],
        [250, 20],
        [250, 50],
      ] as const) {
        if (quick && pods > 110) continue;
        const size = { pods, policies, sharing: 10, members: 50 };
        const whole = fullNode(size, ['ingress', 'egress']);
        const config = nodeConfig(setLookups);
        const prover = new Prover(4);
        const cost = (state: NodeState, known = config): number => {
          const { lowered, rendered } = make(state, known);
          return cpuMs(() => {
            const read = readBack(lowered, rendered);
            const outcome = read.ok ? prover.prove(state, known, read.value).outcome : 'unreadable';
            if (outcome !== 'equal') throw new Error(`the rules of the bench are ${outcome}`);
          });
        };
        const first = cost(whole);
        const changes = [1, 2, 3, 4, 5].map(shift => cost(withChangedPolicy(whole, size, shift)));
        const unchanged = [1, 2, 3].map(() => cost(whole));
        const fewer = { ...whole, endpoints: new Map([...whole.endpoints].slice(0, -1)) };
        const adds = [1, 2, 3].map(() => {
          cost(fewer);
          return cost(whole);
        });
        const of = `${form}${setLookups === undefined ? ' in chains' : ''}, ${pods} pods × ${policies}`;
        const put = (name: string, value: number) =>
          emit({ suite: 'policy', case: `proof, ${of}`, name, value, unit: 'ms CPU' });
        put('from nothing', first);
        put('one policy changed', median(changes));
        put('one pod added', median(adds));
        put('nothing changed', median(unchanged));
      }
}
