import { isEmptyNftPlan, type NftPlan, type NftTable, type Op, planNft, planOf } from '@muslin/dataplane';
import { nftDriver, type NftStep } from '@muslin/linux';
import type { Family } from '@muslin/net';
import { afterAll, describe, expect, test } from 'vitest';
import { nftComplaint } from '../src/nft/nft-driver.ts';
import { faultOf, must, rooms } from './sandbox.ts';

const [[room], close] = rooms(1);
afterAll(close);

const isNft = (op: Op): op is NftStep => op.kind === 'nft';
const steps = (plan: NftPlan) => planOf({ nft: [plan] }).filter(isNft);

describe.each([4, 6] as const)('IPv%i', (family: Family) => {
  const driver = nftDriver({ family, namespace: room.namespace });
  const table = (...members: readonly string[]): NftTable => ({
    family,
    chains: new Map(),
    sets: new Map([['msl-pods', { name: 'msl-pods', kind: 'net', members: new Set(members) }]]),
    maps: new Map(),
  });
  const [first, second] = family === 4 ? ['10.0.0.0/8', '192.0.2.1/32'] : ['fd00::/8', '2001:db8::1/128'];

  test('a table is made, read back, changed and left alone when nothing is to do', async () => {
    expect(must(await driver.read())).toBeUndefined();
    for (const wanted of [table(first), table(first, second), table(second)]) {
      must(await driver.apply(steps(planNft(wanted, must(await driver.read())))));
      expect(isEmptyNftPlan(planNft(wanted, must(await driver.read())))).toBe(true);
    }
    expect(room.run('nft', 'list', 'table', family === 4 ? 'ip' : 'ip6', 'muslin')).toContain('msl-pods');
  });

  test('a refused transaction changes nothing, and its line is named', async () => {
    const before = room.run('nft', 'list', 'ruleset');
    const [step] = steps(planNft(table(first), must(await driver.read())));
    if (step === undefined) throw new Error('no step');
    const bad = { ...step, input: `${step.input}add rule ip muslin nochain accept\n` };
    const fault = faultOf(await driver.apply([bad]));
    expect(fault).toMatchObject({ code: 'refused', op: { kind: 'nft' } });
    expect(fault.message).toContain('add rule ip muslin nochain accept');
    expect(room.run('nft', 'list', 'ruleset')).toBe(before);
  });
});

test('a complaint without a line is passed on, and silence is named', () => {
  expect(nftComplaint('', 'netlink: Error: cache initialization failed\n')).toBe(
    'netlink: Error: cache initialization failed',
  );
  expect(nftComplaint('', '')).toBe('nft failed silently');
});
