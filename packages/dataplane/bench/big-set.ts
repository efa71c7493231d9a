import { execFileSync } from 'node:child_process';
import type { NodeState } from '@muslin/api';
import { openKernel, openNamespace } from '@muslin/linux';
import { formatIp, ip4 } from '@muslin/net';
import {
  compile,
  desiredSets,
  IPTABLES_LIMITS,
  type Ipset,
  ipsetBeforeRules,
  LOOKUP_LIMITS,
  lower,
  patchSets,
  planOf,
  planSets,
} from '../src/index.ts';
import type { Emit } from './emit.ts';
import { fullNode, nodeConfig } from './full-node.ts';
import { median } from './median.ts';
import { inside } from './pod-pair.ts';

const MEMBERS = 100_000;

/** A selector with 100,000 pods: one more joins, from the change of the state to the kernel's acknowledgement. */
export async function measureBigSet(emit: Emit, quick: boolean): Promise<void> {
  const [node, bare] = [`msl-t-db-s-${process.pid}`, `msl-t-db-sb-${process.pid}`];
  for (const name of [node, bare]) execFileSync('ip', ['netns', 'add', name]);
  const namespace = openNamespace(node);
  if (!namespace.ok) throw new Error(namespace.fault.message);
  const kernel = openKernel({ backend: 'nft', namespace: namespace.value });
  if (!kernel.ok) throw new Error(kernel.fault.message);
  try {
    const config = nodeConfig(LOOKUP_LIMITS);
    const small = fullNode({ pods: 30, policies: 5, sharing: 10, members: 10 }, ['ingress', 'egress']);
    const big = new Set(Array.from({ length: MEMBERS }, (_, i) => `${formatIp(ip4(0x0b000000 + i))}/32`));
    const first = new Map(small.sets).set('set 0', { kind: 'net', members: big });
    let state: NodeState = {
      ...small,
      sets: patchSets(new Map(), { added: first, changed: new Map(), removed: new Set() }),
    };
    let held: ReadonlyMap<string, Ipset> = new Map();
    const bring = async () => {
      const wanted = desiredSets(state.sets, lower(compile(state, config), IPTABLES_LIMITS));
      const plan = planOf({ sets: planSets(wanted, held) });
      held = wanted;
      const applied = await kernel.value.apply(plan);
      if (!applied.ok) throw new Error(applied.fault.message);
      return plan;
    };
    const filling = performance.now();
    const full = await bring();
    const filled = performance.now() - filling;
    const bareFill = performance.now();
    for (const op of full) if (op.kind === 'ipset') inside(bare, ['ipset', 'restore', '-exist'], op.input);
    const row = { suite: 'policy' as const, name: 'muslin ipset', unit: 'ms' };
    emit({
      ...row,
      case: '100,000 members, whole',
      value: filled,
      peer: 'ipset restore',
      peerValue: performance.now() - bareFill,
    });
    const times: number[] = [];
    const floor: number[] = [];
    for (let i = 0; i < (quick ? 50 : 300); i++) {
      const member = `${formatIp(ip4(0x0c000000 + i))}/32`;
      const changed = new Map([['set 0', { add: new Set([member]), remove: new Set<string>() }]]);
      const started = performance.now();
      state = { ...state, sets: patchSets(state.sets, { added: new Map(), changed, removed: new Set() }) };
      const plan = await bring();
      times.push(performance.now() - started);
      if (plan.length !== 1) throw new Error(`one member took ${plan.length} steps`);
      if (i < 20) {
        const began = performance.now();
        for (const op of plan)
          if (op.kind === 'ipset') inside(bare, ['ipset', 'restore', '-exist'], ipsetBeforeRules(op.plan));
        floor.push(performance.now() - began);
      }
    }
    emit({
      ...row,
      case: '100,000 members, one more',
      value: median(times),
      peer: 'ipset restore',
      peerValue: median(floor),
    });
  } finally {
    await kernel.value.close();
    namespace.value.close();
    for (const name of [node, bare]) execFileSync('ip', ['netns', 'delete', name]);
  }
}
