import type { DriverFault, Plan, Route } from '@muslin/dataplane';
import type { KernelDoor } from '@muslin/linux';
import { fail, ok } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import type { BackEnd } from '../src/kernel/back-end.ts';
import { Kernel } from '../src/kernel/kernel.ts';
import { coreOf, here, local, NAMESPACE, object, podObject } from './cluster-facts.ts';

/** A door that writes down what goes through it, with some routes whose interface is not there. */
function doorOf(
  options: {
    readonly holds?: readonly Route[];
    readonly lacks?: readonly string[];
    readonly backEnd?: BackEnd;
  } = {},
) {
  const log: string[] = [];
  let routes: readonly Route[] = options.holds ?? [];
  let refuse: DriverFault | undefined;
  const table = { readAll: async () => ok('') };
  const nft = { read: async () => ok(undefined) };
  const door = {
    variants: { nft: { 4: table, 6: table }, legacy: { 4: table, 6: table } },
    nft: { 4: nft, 6: nft },
    sets: { read: async () => ok(new Map()) },
    routes: {
      read: async () => ok(routes),
      async apply(ops: Extract<Plan[number], { kind: 'route' }>[]) {
        const good = ops.filter(({ route }) => !options.lacks?.includes(route.interfaceName ?? ''));
        const bad = ops.filter(op => !good.includes(op));
        log.push(`routes +${good.length}`);
        routes = [...routes, ...good.map(op => op.route)];
        const refused = bad.map(op => ({
          op,
          fault: { code: 'no-link', message: `no ${op.route.interfaceName}` },
        }));
        return bad.length === 0 ? ok(undefined) : fail({ code: 'refused', message: 'no link', refused });
      },
    },
    async apply(plan: Plan) {
      if (plan.length > 0) log.push(plan.map(op => (op.kind === 'iptables' ? op.table : op.kind)).join(' '));
      return refuse === undefined ? ok(undefined) : fail(refuse);
    },
    close: async () => {},
  };
  return {
    log,
    kernel: new Kernel(door as unknown as KernelDoor, [4], options.backEnd ?? 'iptables-nft'),
    refuse: (fault: DriverFault) => {
      refuse = fault;
    },
  };
}

const desired = () =>
  coreOf([
    object(NAMESPACE),
    ...['web', 'db'].flatMap((name, i) => [
      object(podObject(name, name)),
      here(local(name, name, [`10.0.0.${i + 1}`])),
    ]),
  ]).desired();

async function round({ kernel }: ReturnType<typeof doorOf>, wanted = desired()) {
  const read = await kernel.read();
  if (!read.ok) throw new Error(read.fault.message);
  const applied = await kernel.apply(kernel.plan(wanted, read.value), wanted, read.value);
  return { wanted, applied };
}

describe('a plan', () => {
  test.each(['iptables-nft', 'nftables'] as const)(
    'that was applied leaves nothing to do (%s)',
    async backEnd => {
      const door = doorOf({ backEnd });
      const { wanted, applied } = await round(door);
      if (!applied.ok) throw new Error(applied.fault.message);
      expect(door.log.at(-1)).toBe('routes +2');
      expect(applied.value.unrouted.size).toBe(0);
      expect(door.kernel.plan(wanted, applied.value)).toEqual([]);
    },
  );

  test('goes on past a pod whose interface is not there, and names it', async () => {
    const door = doorOf({ lacks: ['msl-web'] });
    const { wanted, applied } = await round(door);
    if (!applied.ok) throw new Error(applied.fault.message);
    expect([...applied.value.unrouted]).toEqual([['msl-web', 'no msl-web']]);
    // It is tried again in every round.
    expect(door.kernel.plan(wanted, applied.value).map(op => op.kind)).toEqual(['route']);
  });

  test('says where somebody else’s route stands in the way, and leaves it there', async () => {
    const foreign = desired()
      .routes.map(route => ({ ...route, protocol: 186 }))
      .slice(0, 1);
    const door = doorOf({ holds: foreign });
    const { applied } = await round(door);
    if (!applied.ok) throw new Error(applied.fault.message);
    expect([...applied.value.unrouted.keys()]).toEqual(['msl-web']);
    expect(door.log.at(-1)).toBe('routes +1');
    expect(applied.value.routes.filter(route => route.protocol === 186)).toEqual(foreign);
  });

  test('stops at a rule that is refused: no route leads to a pod whose rules are not there', async () => {
    const door = doorOf();
    door.refuse({ code: 'refused', message: 'no' });
    const { applied } = await round(door);
    expect(applied.ok).toBe(false);
    expect(door.log.join()).not.toContain('routes');
  });
});
