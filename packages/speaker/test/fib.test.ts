import type { Output } from '@muslin/bgp';
import { ROUTE_PROTOCOL_BGP, type Route, routeKey } from '@muslin/dataplane';
import type { RouteOp } from '@muslin/linux';
import { fail, formatIp, formatPrefix, mustIp, mustPrefix, ok } from '@muslin/net';
import { beforeEach, describe, expect, test } from 'vitest';
import { Fib, type FibOptions, type FibShape } from '../src/fib.ts';

/** A kernel in a map, which refuses what it is told to. */
class FakeKernel {
  readonly table = new Map<string, Route>();
  readonly refuses = new Set<string>();
  reads = 0;

  put(route: Route): void {
    this.table.set(routeKey(route), route);
  }

  readonly driver: FibOptions['driver'] = {
    read: async () => {
      this.reads++;
      return ok([...this.table.values()]);
    },
    apply: async (steps: readonly RouteOp[]) => {
      const refused = steps.filter(({ route }) => this.refuses.has(formatPrefix(route.destination)));
      for (const step of steps) {
        if (refused.includes(step)) continue;
        if (step.action === 'remove') this.table.delete(routeKey(step.route));
        else this.put(step.route);
      }
      if (refused.length === 0) return ok(undefined);
      const faults = refused.map(op => ({ op, fault: { message: 'Network is unreachable' } }));
      return fail({ refused: faults }) as never;
    },
  };

  /** `destination via gateways metric`. */
  get lines(): readonly string[] {
    return [...this.table.values()]
      .map(({ destination, gateway, nextHops, metric, protocol }) => {
        const hops = nextHops ?? [{ gateway }];
        const ways = hops.map(hop => (hop.gateway === undefined ? '-' : formatIp(hop.gateway))).join('+');
        return `${formatPrefix(destination)} via ${ways} metric ${metric} proto ${protocol}`;
      })
      .sort();
  }
}

const best = (prefix: string, ...hops: readonly string[]): Output & { kind: 'bestChanged' } => ({
  kind: 'bestChanged',
  prefix: mustPrefix(prefix),
  source: hops.length === 0 ? 'none' : 'ibgp',
  nextHops: hops.map(ip => ({ ip: mustIp(ip), peer: ip, weight: 1 })),
});

const left = (prefix: string, gateway: string, protocol: number = ROUTE_PROTOCOL_BGP): Route => ({
  destination: mustPrefix(prefix),
  kind: 'unicast',
  gateway: mustIp(gateway),
  scope: 'universe',
  protocol,
  metric: 1024,
  table: 254,
});

let kernel: FakeKernel;
let shape: FibShape;
let log: string[];
let fib: Fib;

beforeEach(() => {
  kernel = new FakeKernel();
  shape = {
    ...{ metrics: { 4: 1024, 6: 1024 }, keepOut: [], ways: [] },
    ...{ interfaceOf: () => undefined, awaited: () => false },
  };
  log = [];
  fib = new Fib({ driver: kernel.driver, shape: () => shape, log: line => log.push(line) });
});

const quiet = () => new Promise(resolve => setTimeout(resolve, 20));

describe('routes of an earlier life', () => {
  test('stay until everything is known, while new ones come at once', async () => {
    kernel.put(left('10.244.1.0/26', '10.0.0.1'));
    kernel.put(left('10.244.2.0/26', '10.0.0.2'));
    fib.change(best('10.244.1.0/26', '10.0.0.1'));
    fib.change(best('10.244.3.0/26', '10.0.0.3'));
    await quiet();
    expect(kernel.lines).toHaveLength(3);
    fib.settle();
    await quiet();
    expect(kernel.lines).toEqual([
      '10.244.1.0/26 via 10.0.0.1 metric 1024 proto 186',
      '10.244.3.0/26 via 10.0.0.3 metric 1024 proto 186',
    ]);
  });

  test('are replaced as soon as a better way is known', async () => {
    kernel.put(left('10.244.1.0/26', '10.0.0.1'));
    fib.change(best('10.244.1.0/26', '10.0.0.9'));
    await quiet();
    expect(kernel.lines).toEqual(['10.244.1.0/26 via 10.0.0.9 metric 1024 proto 186']);
  });
});

test('what a stranger told in an earlier life waits for it; what it told in this one goes with it', async () => {
  shape = { ...shape, awaited: ({ gateway }) => gateway !== undefined && formatIp(gateway) === '10.0.0.2' };
  const lines = ['10.244.1.0/26', '10.244.2.0/26'];
  kernel.put(left('10.244.1.0/26', '10.0.0.1'));
  for (const prefix of lines.slice(1)) kernel.put(left(prefix, '10.0.0.2'));
  fib.inherit([...kernel.table.values()]);
  fib.settle();
  await quiet();
  expect(kernel.lines).toEqual(['10.244.2.0/26 via 10.0.0.2 metric 1024 proto 186']);
  fib.change(best('10.244.2.0/26', '10.0.0.2'));
  await quiet();
  expect(kernel.lines).toHaveLength(1);
  fib.change(best('10.244.2.0/26'));
  await quiet();
  expect(kernel.lines).toEqual([]);
});

describe('when settled', () => {
  beforeEach(() => fib.settle());

  test('a route comes, changes to several ways, and goes', async () => {
    fib.change(best('10.244.1.0/26', '10.0.0.1'));
    await quiet();
    fib.change(best('10.244.1.0/26', '10.0.0.1', '10.0.0.2'));
    await quiet();
    expect(kernel.lines).toEqual(['10.244.1.0/26 via 10.0.0.1+10.0.0.2 metric 1024 proto 186']);
    fib.change(best('10.244.1.0/26'));
    await quiet();
    expect(kernel.lines).toEqual([]);
  });

  test('weights are told when they differ', async () => {
    const { nextHops, ...change } = best('10.244.1.0/26', '10.0.0.1', '10.0.0.2');
    fib.change({ ...change, nextHops: nextHops.map((hop, i) => ({ ...hop, weight: i === 0 ? 256 : 64 })) });
    await quiet();
    expect([...kernel.table.values()][0]?.nextHops?.map(hop => hop.weight)).toEqual([256, 64]);
  });

  test('routes of our own are not for the kernel', async () => {
    fib.change({ ...best('10.244.1.0/26'), source: 'own' });
    await quiet();
    expect(kernel.lines).toEqual([]);
    expect(fib.size).toBe(0);
  });

  test('other owners keep theirs, and a conflict is told once and forgotten when it is over', async () => {
    kernel.put(left('10.244.1.0/26', '10.0.0.7', 4));
    fib.change(best('10.244.1.0/26', '10.0.0.1'));
    await quiet();
    fib.sync();
    await quiet();
    expect(kernel.lines).toEqual(['10.244.1.0/26 via 10.0.0.7 metric 1024 proto 4']);
    expect(log).toHaveLength(1);
    expect(fib.refused.get('10.244.1.0/26')).toContain('protocol 4');
    kernel.table.clear();
    fib.sync();
    await quiet();
    expect(fib.refused.size).toBe(0);
    expect(kernel.lines).toEqual(['10.244.1.0/26 via 10.0.0.1 metric 1024 proto 186']);
  });

  test('one that the kernel refuses keeps no other out, and is tried again', async () => {
    kernel.refuses.add('10.244.1.0/26');
    fib.change(best('10.244.1.0/26', '192.0.2.9'));
    fib.change(best('10.244.2.0/26', '10.0.0.2'));
    await quiet();
    expect(kernel.lines).toEqual(['10.244.2.0/26 via 10.0.0.2 metric 1024 proto 186']);
    expect(fib.refused.get('10.244.1.0/26')).toBe('Network is unreachable');
    kernel.refuses.clear();
    fib.sync();
    await quiet();
    expect(fib.refused.size).toBe(0);
    expect(kernel.lines).toHaveLength(2);
  });

  test('a new metric moves all routes, and prefixes of Services stay out', async () => {
    fib.change(best('10.244.1.0/26', '10.0.0.1'));
    fib.change(best('10.96.0.7/32', '10.0.0.1'));
    await quiet();
    shape = { ...shape, metrics: { 4: 500, 6: 500 }, keepOut: [mustPrefix('10.96.0.0/12')] };
    fib.sync();
    await quiet();
    expect(kernel.lines).toEqual(['10.244.1.0/26 via 10.0.0.1 metric 500 proto 186']);
  });

  test('what somebody removed by hand comes back', async () => {
    fib.change(best('10.244.1.0/26', '10.0.0.1'));
    await quiet();
    kernel.table.clear();
    fib.sync();
    await quiet();
    expect(kernel.lines).toHaveLength(1);
  });

  test('a thousand changes in one turn are one look at the kernel', async () => {
    await quiet();
    const before = kernel.reads;
    for (let i = 0; i < 1000; i++) fib.change(best(`10.${i >> 8}.${i & 255}.0/24`, '10.0.0.1'));
    await quiet();
    expect(kernel.table.size).toBe(1000);
    expect(kernel.reads - before).toBe(1);
  });
});

test('a frozen table stays as it is, whatever the speaker says on its way out', async () => {
  fib.settle();
  fib.change(best('10.244.1.0/26', '10.0.0.1'));
  await quiet();
  fib.freeze();
  fib.change(best('10.244.1.0/26'));
  fib.sync();
  await quiet();
  expect(kernel.lines).toHaveLength(1);
});

test('a kernel that can not be read is left alone', async () => {
  const broken = { ...kernel.driver, read: async () => fail({ message: 'no' }) as never };
  const blind = new Fib({ driver: broken, shape: () => shape, log: line => log.push(line) });
  blind.settle();
  blind.change(best('10.244.1.0/26', '10.0.0.1'));
  await quiet();
  expect(kernel.table.size).toBe(0);
  expect(log[0]).toContain("can't read the kernel's routes");
});

test('a peer is reached by its gateway, whatever is learned of it, and a link-local next hop by its interface', async () => {
  shape = {
    ...shape,
    ways: [{ to: mustIp('192.0.2.1'), by: mustIp('10.0.0.9') }],
    interfaceOf: peer => (peer === 'fe80::1%up0' ? 'up0' : undefined),
  };
  fib.settle();
  fib.change(best('192.0.2.1/32', '10.0.0.1'));
  fib.change({
    ...best('198.51.100.0/24', '10.0.0.1'),
    nextHops: [{ ip: mustIp('fe80::1'), peer: 'fe80::1%up0', weight: 1 }],
  });
  await quiet();
  expect([...kernel.table.values()].map(({ gateway, interfaceName }) => [gateway, interfaceName])).toEqual([
    [mustIp('10.0.0.9'), undefined],
    [mustIp('fe80::1'), 'up0'],
  ]);
});
