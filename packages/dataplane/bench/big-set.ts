import { execFileSync } from 'node:child_process';
import type { NodeState } from '@muslin/api';
import { openKernel, openNamespace } from '@muslin/linux';
import { formatIp, ip4 } from '@muslin/net';
import {
  compile,
  desiredSets,
  IPTABLES_LIMITS,
  type Ipset,
  LOOKUP_LIMITS,
  lower,
  NFT_LIMITS,
  type NftTable,
  type NodeConfig,
  nftTable,
  type Plan,
  patchSets,
  planNft,
  planOf,
  planSets,
} from '../src/index.ts';
import type { Emit } from './emit.ts';
import { fullNode, nodeConfig } from './full-node.ts';
import { median } from './median.ts';
import { inside } from './pod-pair.ts';

const MEMBERS = 100_000;

/** What a back end makes of a state, from what it made of the one before. */
function planner(backEnd: 'ipset' | 'nft', config: NodeConfig): (state: NodeState) => Plan {
  let held: ReadonlyMap<string, Ipset> = new Map();
  let there: NftTable | undefined;
  return state => {
    const rules = compile(state, config);
    if (backEnd === 'nft') {
      const wanted = nftTable(lower(rules, NFT_LIMITS), state.sets);
      const plan = planOf({ nft: [planNft(wanted, there)] });
      there = wanted;
      return plan;
    }
    const wanted = desiredSets(state.sets, lower(rules, IPTABLES_LIMITS));
    const plan = planOf({ sets: planSets(wanted, held) });
    held = wanted;
    return plan;
  };
}

/** A selector with 100,000 pods: one more joins, from the change of the state to the kernel's acknowledgement. */
export async function measureBigSet(emit: Emit, quick: boolean): Promise<void> {
  for (const backEnd of ['ipset', 'nft'] as const) await measureWith(backEnd, emit, quick);
}

async function measureWith(backEnd: 'ipset' | 'nft', emit: Emit, quick: boolean): Promise<void> {
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
    const plan = planner(backEnd, config);
    const bring = async () => {
      const steps = plan(state);
      const applied = await kernel.value.apply(steps);
      if (!applied.ok) throw new Error(applied.fault.message);
      return steps;
    };
    const command = (steps: Plan) => {
      for (const op of steps)
        if (op.kind === 'ipset') inside(bare, ['ipset', 'restore', '-exist'], op.input);
        else if (op.kind === 'nft') inside(bare, ['nft', '-f', '-'], op.input);
    };
    const filling = performance.now();
    const full = await bring();
    const filled = performance.now() - filling;
    const bareFill = performance.now();
    command(full);
    const row = { suite: 'policy' as const, name: `muslin ${backEnd}`, unit: 'ms' };
    const peer = backEnd === 'nft' ? 'nft -f' : 'ipset restore';
    emit({
      ...row,
      case: '100,000 members, whole',
      value: filled,
      peer,
      peerValue: performance.now() - bareFill,
    });
    const times: number[] = [];
    const floor: number[] = [];
    for (let i = 0; i < (quick ? 50 : 300); i++) {
      const member = `${formatIp(ip4(0x0c000000 + i))}/32`;
      const changed = new Map([['set 0', { add: new Set([member]), remove: new Set<string>() }]]);
      const started = performance.now();
      state = { ...state, sets: patchSets(state.sets, { added: new Map(), changed, removed: new Set() }) };
      const steps = await bring();
      times.push(performance.now() - started);
      if (steps.length !== 1) throw new Error(`one member took ${steps.length} steps`);
      if (i < 20) {
        const began = performance.now();
        command(steps);
        floor.push(performance.now() - began);
      }
    }
    emit({
      ...row,
      case: '100,000 members, one more',
      value: median(times),
      peer,
      peerValue: median(floor),
    });
  } finally {
    await kernel.value.close();
    namespace.value.close();
    for (const name of [node, bare]) execFileSync('ip', ['netns', 'delete', name]);
  }
}
