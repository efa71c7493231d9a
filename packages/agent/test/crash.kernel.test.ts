import type { DriverFault, Op, Plan, SetPlan } from '@muslin/dataplane';
import { type KernelDoor, openKernel } from '@muslin/linux';
import { ok, type Result } from '@muslin/net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Desired } from '../src/core/agent-core.ts';
import type { BackEnd } from '../src/kernel/back-end.ts';
import { Kernel } from '../src/kernel/kernel.ts';
import {
  coreOf,
  egressDeny,
  here,
  local,
  NAMESPACE,
  object,
  podObject,
  policyObject,
  poolObject,
} from './cluster-facts.ts';
import { addForeignRules, foreignRules } from './foreign-rules.ts';
import { makeSpace, must, type Space } from './spaces.ts';

class Killed extends Error {}

const NO_SETS: SetPlan = { create: [], replace: [], change: [], destroy: [] };

/** The parts of a step that the kernel does at once: between any two of them the agent may die. */
function atoms(op: Op): readonly Op[] {
  if (op.kind !== 'ipset') return [op];
  const { create, replace, change, destroy } = op.plan;
  const plans: readonly SetPlan[] =
    op.phase === 'before-rules'
      ? [
          ...create.map(set => ({ ...NO_SETS, create: [set] })),
          ...replace.map(set => ({ ...NO_SETS, replace: [set] })),
          ...change.flatMap(({ set, add }) =>
            add.map(member => ({ ...NO_SETS, change: [{ set, add: [member], remove: [] }] })),
          ),
        ]
      : [
          ...change.flatMap(({ set, remove }) =>
            remove.map(member => ({ ...NO_SETS, change: [{ set, add: [], remove: [member] }] })),
          ),
          ...destroy.map(name => ({ ...NO_SETS, destroy: [name] })),
        ];
  return plans.map(plan => ({ ...op, plan }));
}

/** A door through which only so many atoms go before whoever uses it dies. */
function mortal(door: KernelDoor, lives: number): { readonly door: KernelDoor; readonly done: () => number } {
  let done = 0;
  const each = async (plan: Plan, perform: (op: Op) => Promise<Result<void, DriverFault>>) => {
    for (const op of plan.flatMap(atoms)) {
      if (done === lives) throw new Killed();
      done++;
      const applied = await perform(op);
      if (!applied.ok) return applied;
    }
    return ok(undefined);
  };
  const routes = {
    read: () => door.routes.read(),
    apply: (ops: Plan) => each(ops, op => door.apply([op])),
  } as unknown as KernelDoor['routes'];
  return {
    done: () => done,
    door: { ...door, routes, apply: plan => each(plan, op => door.apply([op])) },
  };
}

let node: Space;
let door: KernelDoor;
beforeAll(() => {
  node = makeSpace();
  for (const name of ['web', 'db', 'job']) {
    node.run('ip', 'link', 'add', `msl-${name}`, 'type', 'veth', 'peer', 'name', `p-${name}`);
    node.run('ip', 'link', 'set', `msl-${name}`, 'up');
  }
  addForeignRules(node);
  door = must(openKernel({ backend: 'nft', namespace: node.namespace }));
});
afterAll(async () => {
  await door?.close();
  node?.close();
});

const pod = (name: string, ip: string, labels?: object) => [
  object(podObject(name, name, [ip], labels)),
  here(local(name, name, [ip])),
];
const POOL = object({
  ...poolObject('pool', '10.0.0.0/16'),
  spec: { cidr: '10.0.0.0/16', natOutgoing: true },
});

/** Two states with rules, members, sets, chains, interfaces and routes of their own. */
const FIRST = () =>
  coreOf([
    object(NAMESPACE),
    POOL,
    ...pod('web', '10.0.0.1'),
    ...pod('db', '10.0.0.2'),
    object(policyObject('guard', 'db', 'web')),
    object(egressDeny('quiet', 'db')),
  ]).desired();
const SECOND = () =>
  coreOf([
    object(NAMESPACE),
    ...pod('web', '10.0.0.1', { app: 'other' }),
    ...pod('job', '10.0.0.3', { app: 'web' }),
    ...pod('db', '10.0.0.2'),
    object(policyObject('guard', 'db', 'web')),
    object(policyObject('web-in', 'web', 'db')),
  ]).desired();

const kernelOf = (through: KernelDoor, backEnd: BackEnd) => new Kernel(through, [4], backEnd);

async function bring(kernel: Kernel, desired: Desired): Promise<void> {
  // The kernel lets go of the sets of replaced rules a moment later: the agent's next round takes them.
  for (let round = 0; ; round++) {
    const actual = must(await kernel.read());
    const plan = kernel.plan(desired, actual);
    if (plan.length === 0) return;
    if (round > 5) expect.fail(`never done: ${plan.map(op => op.kind).join()}`);
    must(await kernel.apply(plan, desired, actual));
  }
}

const WAYS: readonly (readonly [BackEnd, BackEnd])[] = [
  ['iptables-nft', 'iptables-nft'],
  ['iptables-legacy', 'iptables-legacy'],
  ['nftables', 'nftables'],
  ['iptables-nft', 'nftables'],
  ['nftables', 'iptables-legacy'],
];

test.each(WAYS)(
  'killed after any step on the way from %s to %s, the next agent ends where the last one was going',
  async (from, to) => {
    const [first, second] = [FIRST(), SECOND()];
    const foreign = foreignRules(node);
    let walked = 0;
    for (let lives = 0; ; lives++) {
      await bring(kernelOf(door, from), first);
      const dying = mortal(door, lives);
      const killed = await bring(kernelOf(dying.door, to), second).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Killed) return true;
          throw error;
        },
      );
      if (!killed) break;
      walked++;
      await bring(kernelOf(door, to), second);
    }
    // nftables is one transaction; then come routes.
    expect(walked).toBeGreaterThan(to === 'nftables' ? 1 : 5);
    expect(foreignRules(node)).toEqual(foreign);
  },
);
