import type { NodeState } from '@muslin/api';
import { NetlinkNftDriver, nftDriver, type NftDriver, openNamespace } from '@muslin/linux';
import type { Family } from '@muslin/net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compile,
  isEmptyNftPlan,
  lower,
  NFT_LIMITS,
  type NftPlan,
  nftTable,
  type Op,
  planNft,
  planNftRemoval,
  planOf,
  type Rule,
} from '../src/index.ts';
import { KernelRoom } from './kernel-room.ts';
import { configOf, EAGER, nodeState } from './world.ts';

const states = fc.sample(nodeState, { numRuns: 8, seed: 20261121 });
const isNft = (op: Op): op is Op & { kind: 'nft' } => op.kind === 'nft';

describe.each([4, 6] as const)('nftables by netlink and by the nft command (IPv%i)', (family: Family) => {
  const doors: { readonly room: KernelRoom; readonly driver: NftDriver; close(): void }[] = [];
  beforeAll(() => {
    for (const speak of ['netlink', 'command'] as const) {
      const room = new KernelRoom(`doors${family}${speak}`, 'nft');
      const opened = openNamespace(room.name);
      if (!opened.ok) throw new Error(opened.fault.message);
      const namespace = opened.value;
      const netlink = NetlinkNftDriver.open({ family, namespace });
      if (!netlink.ok) throw new Error(netlink.fault.message);
      const driver = speak === 'netlink' ? netlink.value : nftDriver({ family, namespace });
      const close = () => {
        netlink.value.close();
        namespace.close();
        room.close();
      };
      doors.push({ room, driver, close });
    }
  });
  afterAll(() => {
    for (const door of doors) door.close();
  });

  const apply = async (driver: NftDriver, plans: readonly NftPlan[], netlink: boolean) => {
    // What goes by netlink may not fall back on the command: it could not read this.
    const steps = planOf({ nft: plans })
      .filter(isNft)
      .map(op => (netlink ? { ...op, input: 'not for nft\n' } : op));
    const done = await driver.apply(steps);
    if (!done.ok) throw new Error(done.fault.message);
  };
  const read = async (driver: NftDriver) => {
    const listed = await driver.read();
    if (!listed.ok) throw new Error(listed.fault.message);
    return listed.value;
  };
  const desired = (state: NodeState) =>
    nftTable(lower(compile(state, configOf(family, 'Drop', EAGER)), NFT_LIMITS), state.sets);

  it('end the same: nft lists the same text, and each reads what the other wrote', async () => {
    for (const state of states) {
      const want = desired(state);
      for (const [i, { driver }] of doors.entries()) {
        await apply(driver, [planNft(want, await read(driver))], i === 0);
        const left = planNft(want, await read(driver));
        expect(isEmptyNftPlan(left), JSON.stringify(left).slice(0, 2000)).toBe(true);
      }
      const [netlink, command] = doors.map(({ room }) =>
        room.run(['nft', 'list', 'table', family === 4 ? 'ip' : 'ip6', 'muslin']),
      );
      expect(plain(netlink)).toEqual(plain(command));
      expect(plain(netlink).length).toBeGreaterThan(20);
    }
  });

  it('make a set anew, with the rules that look into it, when its first prefix comes and its last goes', async () => {
    const [host, wide] = family === 4 ? ['10.0.0.1/32', '10.2.0.0/16'] : ['fd00::1/128', 'fd02::/16'];
    const rule: Rule = { matches: [{ kind: 'set', set: 'a', key: 'src' }], action: { kind: 'drop' } };
    const filter = {
      hooks: new Map([['FORWARD', 'msl-FORWARD']] as const),
      chains: new Map([['msl-FORWARD', { name: 'msl-FORWARD', rules: [rule] }]]),
    };
    const rules = { family, sets: new Map(), tables: new Map([['filter', filter]] as const) };
    const members = [[], [host], [host, wide], [wide], [host]] as string[][];
    for (const [i, { driver }] of doors.entries())
      for (const list of members) {
        const want = nftTable(rules, new Map([['a', { kind: 'net' as const, members: new Set(list) }]]));
        await apply(driver, [planNft(want, await read(driver))], i === 0);
        const listed = await read(driver);
        expect(listed?.sets).toEqual(want.sets);
        expect(isEmptyNftPlan(planNft(want, listed))).toBe(true);
      }
  });

  it('are refused as a whole, and say which request was', async () => {
    const [door] = doors;
    if (door === undefined) throw new Error('no door');
    const before = door.room.run(['nft', 'list', 'ruleset']);
    const plan = planNft(desired(states[1] as NodeState), undefined);
    const gone = { ...plan, removeChains: ['msl-never'] };
    const [step] = planOf({ nft: [gone] }).filter(isNft);
    const done = await door.driver.apply(step === undefined ? [] : [step]);
    expect(done).toMatchObject({ ok: false, fault: { code: 'lost', op: { kind: 'nft' } } });
    expect(done.ok ? '' : done.fault.message).toContain('flush chain msl-never');
    expect(door.room.run(['nft', 'list', 'ruleset'])).toBe(before);
  });

  it('are gone when they are to go, and can come again', async () => {
    for (const [i, { driver, room }] of doors.entries()) {
      const listed = await read(driver);
      if (listed === undefined) throw new Error('nothing there');
      await apply(driver, planNftRemoval(family, listed), i === 0);
      expect(await read(driver)).toBeUndefined();
      expect(room.run(['nft', 'list', 'ruleset'])).toBe('');
      await apply(driver, [planNft(desired(states[3] as NodeState), undefined)], i === 0);
    }
  });
});

/** Lines of a listing; elements of a set come in the order of its hash. */
function plain(listing: string | undefined): readonly string[] {
  return (listing ?? '')
    .replace(
      /elements = \{([^}]*)\}/g,
      (_, list: string) =>
        `elements ${list
          .split(',')
          .map(e => e.trim())
          .sort()}`,
    )
    .split('\n')
    .map(line => line.trim());
}
