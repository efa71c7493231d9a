import {
  type ActualSet,
  type Ipset,
  isEmptySetPlan,
  planOf,
  planSets,
  setName,
  temporarySetName,
} from '@muslin/dataplane';
import { commandIpsetDriver, type IpsetDriver, type IpsetStep, NetlinkIpsetDriver } from '@muslin/linux';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { faultOf, must, rooms } from './sandbox.ts';

const [[room], close] = rooms(1);
const netlink = must(NetlinkIpsetDriver.open(room.namespace));
const command = commandIpsetDriver(room.namespace);
afterAll(() => {
  netlink.close();
  close();
});

const set = (id: string, members: Iterable<string>, rest: Partial<Ipset> = {}): Ipset => ({
  name: setName(id, rest.family ?? 4),
  family: 4,
  type: 'hash:net',
  maxelem: 1024,
  hashsize: 64,
  members: new Set(members),
  ...rest,
});
const byName = (...sets: readonly Ipset[]) => new Map(sets.map(each => [each.name, each]));
const steps = (desired: ReadonlyMap<string, Ipset>, actual: ReadonlyMap<string, ActualSet>) =>
  planOf({ sets: planSets(desired, actual) }) as readonly IpsetStep[];
const settle = async (driver: IpsetDriver, desired: ReadonlyMap<string, Ipset>) =>
  driver.apply(steps(desired, must(await driver.read())));
/** The model: what is wanted, without the creation hint that the kernel does not keep. */
const model = (desired: ReadonlyMap<string, Ipset>) =>
  new Map([...desired].map(([name, { hashsize: _, ...rest }]) => [name, rest]));

const WORLD = byName(
  set('pods', ['10.0.0.0/8', '10.0.0.1/32', '192.0.2.128/25']),
  set('pods6', ['fd00::/64', 'fd00::1/128', '2001:db8::/32'], { family: 6, name: setName('pods6', 6) }),
  set('http', ['10.0.0.1,tcp:80', '10.0.0.1,udp:53', '10.0.0.2,sctp:5060'], { type: 'hash:ip,port' }),
  set('http6', ['fd00::1,tcp:80', 'fd00::1,udp:0'], {
    type: 'hash:ip,port',
    family: 6,
    name: setName('http6', 6),
  }),
);

describe.each([
  ['netlink', netlink as IpsetDriver, command],
  ['the command', command, netlink as IpsetDriver],
])('%s', (_, driver, other) => {
  test('sets of both kinds and families are what the other driver reads', async () => {
    must(await settle(driver, WORLD));
    expect(must(await driver.read())).toEqual(model(WORLD));
    expect(must(await other.read())).toEqual(model(WORLD));
    expect(room.run('ipset', 'list', '-n').trim().split('\n').sort()).toEqual([...WORLD.keys()].sort());
  });

  test('a set that got too small is replaced by a swap', async () => {
    const name = setName('pods', 4);
    const desired = new Map(WORLD).set(name, set('pods', ['10.0.0.0/8'], { maxelem: 9000 }));
    must(await settle(driver, desired));
    expect(must(await driver.read())).toEqual(model(desired));
    must(await settle(driver, new Map()));
    must(await settle(driver, WORLD));
  });

  test('a plan that is applied twice changes nothing the second time', async () => {
    const plan = steps(WORLD, new Map());
    must(await driver.apply(plan));
    must(await driver.apply(plan));
    expect(must(await driver.read())).toEqual(model(WORLD));
  });

  test("others' sets are neither read nor touched", async () => {
    room.run('ipset', 'create', 'foreign', 'hash:ip');
    must(await settle(driver, new Map()));
    expect(must(await driver.read()).size).toBe(0);
    expect(room.run('ipset', 'list', '-n').trim()).toBe('foreign');
    room.run('ipset', 'destroy', 'foreign');
  });

  test('a full set is a fault that names the step', async () => {
    const tiny = byName(
      set(
        'tiny',
        Array.from({ length: 5 }, (_each, i) => `10.0.0.${i}/32`),
        { maxelem: 2, hashsize: 64 },
      ),
    );
    const fault = faultOf(await settle(driver, tiny));
    expect(fault).toMatchObject({ code: 'refused', op: { kind: 'ipset', phase: 'before-rules' } });
    expect(fault.message).toMatch(/is full/);
    must(await settle(driver, new Map()));
  });

  test('a set that a rule uses is not destroyed', async () => {
    const used = byName(set('used', ['10.0.0.0/8']));
    must(await settle(driver, used));
    const [name] = [...used.keys()] as [string];
    room.run('iptables-legacy', '-A', 'INPUT', '-m', 'set', '--match-set', name, 'src');
    expect(faultOf(await settle(driver, new Map())).message).toMatch(/used by a|in use by a/);
    room.run('iptables-legacy', '-F', 'INPUT');
    must(await settle(driver, new Map()));
  });
});

test('a set of another type takes the place of one that no rule uses, and a left-over beside it does no harm', async () => {
  must(await settle(netlink, WORLD));
  const name = setName('pods', 4);
  room.run('ipset', 'create', temporarySetName(name), 'hash:ip');
  room.run('ipset', 'add', temporarySetName(name), '192.0.2.1');
  const desired = new Map(WORLD).set(name, set('pods', ['10.0.0.9,tcp:1'], { type: 'hash:ip,port' }));
  must(await settle(netlink, desired));
  expect(must(await netlink.read())).toEqual(model(desired));
  room.run('iptables-legacy', '-A', 'INPUT', '-m', 'set', '--match-set', name, 'src,dst');
  expect(faultOf(await settle(netlink, WORLD)).message).toContain('the set is used by a rule');
  room.run('iptables-legacy', '-F', 'INPUT');
  must(await settle(netlink, WORLD));
  expect(must(await netlink.read())).toEqual(model(WORLD));
  must(await settle(netlink, new Map()));
});

test('ten thousand members in one plan are all there', async () => {
  const members = Array.from({ length: 10_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}/32`);
  const desired = byName(set('big', members, { maxelem: 20_000, hashsize: 8192 }));
  must(await settle(netlink, desired));
  expect(must(await netlink.read())).toEqual(model(desired));
  expect(must(await command.read())).toEqual(model(desired));
  must(await settle(netlink, new Map()));
});

test('a refused member is named', async () => {
  const fault = await netlink.perform([
    { op: 'create', name: 'msl4-x', type: 'hash:net', family: 4, maxelem: 10, hashsize: 64 },
    { op: 'add', name: 'msl4-x', members: ['10.0.0.0/8', '0.0.0.0/0', '11.0.0.0/8'] },
  ]);
  expect(fault).toMatchObject({ code: 'IPSET_ERR_INVALID_CIDR', call: 'add 0.0.0.0/0 to set msl4-x' });
  expect(await netlink.perform([{ op: 'destroy', name: 'msl4-x' }])).toBeUndefined();
  expect(await netlink.perform([{ op: 'destroy', name: 'msl4-x' }])).toBeUndefined();
  expect(await netlink.perform([{ op: 'flush', name: 'msl4-x' }])).toMatchObject({ code: 'ENOENT' });
  await expect(netlink.perform([{ op: 'add', name: 'msl4-x', members: ['nonsense'] }])).rejects.toThrow(
    'no member',
  );
});

test('a thousand random plans leave what the model says', async () => {
  const octet = fc.integer({ min: 0, max: 7 });
  const net = fc.tuple(octet, fc.integer({ min: 24, max: 32 })).map(([i, length]) => {
    const last = length === 32 ? i : 0;
    return `10.0.${i}.${last}/${length}`;
  });
  const port = fc
    .tuple(octet, fc.constantFrom('tcp', 'udp', 'sctp'), octet)
    .map(([i, p, n]) => `10.0.0.${i},${p}:${n}`);
  const any = fc.oneof(
    fc.record({ type: fc.constant('hash:net' as const), members: fc.array(net, { maxLength: 12 }) }),
    fc.record({ type: fc.constant('hash:ip,port' as const), members: fc.array(port, { maxLength: 12 }) }),
  );
  const world = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.tuple(any, fc.constantFrom(64, 128)));
  let plans = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(world, { minLength: 5, maxLength: 5 }), async worlds => {
      for (const each of worlds) {
        const desired = byName(
          ...Object.entries(each).map(([id, [{ type, members }, maxelem]]) =>
            set(id, members, { type, maxelem }),
          ),
        );
        const actual = must(await netlink.read());
        must(await netlink.apply(steps(desired, actual)));
        const after = must(await netlink.read());
        expect(isEmptySetPlan(planSets(desired, after))).toBe(true);
        const members = (sets: ReadonlyMap<string, ActualSet>) =>
          new Map([...sets].map(([name, s]) => [name, s.members]));
        expect(members(after)).toEqual(members(model(desired)));
        plans++;
      }
    }),
    { numRuns: 200 },
  );
  expect(plans).toBeGreaterThanOrEqual(1000);
  expect(must(await command.read())).toEqual(must(await netlink.read()));
  must(await settle(netlink, new Map()));
});
