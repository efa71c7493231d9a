import { execFileSync } from 'node:child_process';
import type { NodeState } from '@muslin/api';
import { openKernel, openNamespace } from '@muslin/linux';
import {
  type ActualSet,
  afterTablePlan,
  compile,
  desiredSets,
  emptyTable,
  IPTABLES_LIMITS,
  LOOKUP_LIMITS,
  lower,
  NFT_LIMITS,
  type NftTable,
  type NodeConfig,
  nftTable,
  type Plan,
  planNft,
  planOf,
  planSets,
  planTable,
  renderTables,
  type SavedTable,
  type TableName,
} from '../src/index.ts';
import type { Emit } from './emit.ts';
import { fullNode, nodeConfig, type Size, withChangedPolicy } from './full-node.ts';
import { inside } from './pod-pair.ts';
import { median } from './median.ts';

/** What a back end does with a state: makes the plan that leads to it from what the last one led to. */
interface Renderer {
  plan(state: NodeState): Plan;
}

function iptablesRenderer(config: NodeConfig): Renderer {
  const tables = new Map<TableName, SavedTable>();
  let sets: ReadonlyMap<string, ActualSet> = new Map();
  return {
    plan(state) {
      const rules = lower(compile(state, config), IPTABLES_LIMITS);
      const wanted = desiredSets(state.sets, rules);
      const plans = renderTables(rules).map(table => {
        const saved = tables.get(table.table) ?? emptyTable(table.table);
        const plan = planTable(table, saved);
        tables.set(table.table, afterTablePlan(plan, saved));
        return plan;
      });
      const plan = planOf({ sets: planSets(wanted, sets), tables: plans });
      sets = wanted;
      return plan;
    },
  };
}

function nftRenderer(config: NodeConfig): Renderer {
  let there: NftTable | undefined;
  return {
    plan(state) {
      const wanted = nftTable(lower(compile(state, config), NFT_LIMITS), state.sets);
      const plan = planOf({ nft: [planNft(wanted, there)] });
      there = wanted;
      return plan;
    },
  };
}

const BACK_ENDS = ['iptables-legacy', 'iptables-nft', 'nft'] as const;

/** The floor: the bare command with the same input, once per step. */
function command(node: string, backEnd: (typeof BACK_ENDS)[number], plan: Plan): void {
  for (const op of plan) {
    if (op.kind === 'ipset') inside(node, ['ipset', 'restore', '-exist'], op.input);
    else if (op.kind === 'nft') inside(node, ['nft', '-f', '-'], op.input);
    else if (op.kind === 'iptables') inside(node, [`${backEnd}-restore`, '--noflush', '-w', '5'], op.input);
  }
}

/** Programming: everything from empty, and one policy changed while loaded, against the bare commands. */
export async function measureProgramming(emit: Emit, quick: boolean): Promise<void> {
  const size: Size = { pods: 250, policies: 20, sharing: 10, members: 10 };
  const cases = [size, ...(quick ? [] : [{ ...size, members: 100 }])];
  for (const backEnd of BACK_ENDS)
    for (const one of cases) await measureBackEnd(emit, backEnd, one, quick ? 2 : one === size ? 5 : 2);
}

async function measureBackEnd(
  emit: Emit,
  backEnd: (typeof BACK_ENDS)[number],
  size: Size,
  rounds: number,
): Promise<void> {
  const state = fullNode(size, ['ingress', 'egress']);
  const what = `${size.pods} pods × ${size.policies} policies, ${200 * size.members} pods elsewhere`;
  const lists = ['full', 'fullKernel', 'fullFloor', 'change', 'kernel', 'changeFloor', 'think'];
  const times: Record<string, number[]> = Object.fromEntries(lists.map(list => [list, []]));
  const timed = async (list: string, work: () => unknown) => {
    const started = performance.now();
    await work();
    times[list]?.push(performance.now() - started);
  };
  for (let round = 0; round < rounds; round++) {
    const [node, bare] = [`msl-t-db-p-${process.pid}`, `msl-t-db-b-${process.pid}`];
    for (const name of [node, bare]) execFileSync('ip', ['netns', 'add', name]);
    const namespace = openNamespace(node);
    if (!namespace.ok) throw new Error(namespace.fault.message);
    const kernel = openKernel({
      backend: backEnd === 'iptables-legacy' ? 'legacy' : 'nft',
      namespace: namespace.value,
    });
    if (!kernel.ok) throw new Error(kernel.fault.message);
    const apply = async (plan: Plan) => {
      const applied = await kernel.value.apply(plan);
      if (!applied.ok) throw new Error(applied.fault.message);
    };
    try {
      const config = nodeConfig(LOOKUP_LIMITS);
      const renderer = backEnd === 'nft' ? nftRenderer(config) : iptablesRenderer(config);
      let plan: Plan = [];
      await timed('full', async () => {
        plan = renderer.plan(state);
        await timed('fullKernel', () => apply(plan));
      });
      await timed('fullFloor', () => command(bare, backEnd, plan));
      for (let shift = 1; shift <= 5; shift++) {
        await timed('change', async () => {
          await timed('think', () => {
            plan = renderer.plan(withChangedPolicy(state, size, shift));
          });
          await timed('kernel', () => apply(plan));
        });
        await timed('changeFloor', () => command(bare, backEnd, plan));
      }
    } finally {
      await kernel.value.close();
      namespace.value.close();
      for (const name of [node, bare]) execFileSync('ip', ['netns', 'delete', name]);
    }
  }
  const put = (name: string, list: string, floor?: string) => {
    const row = { suite: 'policy' as const, case: `${name}: ${what}`, name: `muslin ${backEnd}`, unit: 'ms' };
    const value = median(times[list] ?? []);
    if (floor === undefined) emit({ ...row, value });
    else emit({ ...row, value, peer: 'the bare commands', peerValue: median(times[floor] ?? []) });
  };
  put('from empty', 'full', 'fullFloor');
  put('from empty, in the kernel', 'fullKernel', 'fullFloor');
  put('one policy changed', 'change', 'changeFloor');
  put('one policy changed, in the kernel', 'kernel', 'changeFloor');
  put('one policy changed, before the kernel', 'think');
}
