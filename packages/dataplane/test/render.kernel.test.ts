import type { NodeState } from '@muslin/api';
import type { Family } from '@muslin/net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  afterTablePlan,
  COMPILED_TABLES,
  compile,
  desiredSets,
  emptyTable,
  IPTABLES_LIMITS,
  type Ipset,
  ipsetAfterRules,
  ipsetBeforeRules,
  isEmptySetPlan,
  isEmptyTablePlan,
  isOwnChain,
  lower,
  type NodeConfig,
  parseIpsetSave,
  parseSave,
  planSets,
  planTable,
  type RenderedTable,
  renderTables,
  restoreInput,
  temporarySetName,
  type TableName,
} from '../src/index.ts';
import { KernelRoom } from './kernel-room.ts';
import { configOf, EAGER, nodeState } from './world.ts';

/** Rules that were there before us, with everything that could be mistaken for ours. */
const FOREIGN: Readonly<Record<TableName, string>> = {
  filter: `*filter
:KUBE-FORWARD - [0:0]
:msl_not_ours - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "msl:looks like ours" -j ACCEPT
-A FORWARD -m comment --comment "kubernetes \\"forwarding\\" rules" -j KUBE-FORWARD
-A FORWARD -j msl_not_ours
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A msl_not_ours -m mark --mark 0x10000000/0x10000000 -j RETURN
COMMIT
`,
  nat: '*nat\n:KUBE-POSTROUTING - [0:0]\n-A POSTROUTING -j KUBE-POSTROUTING\n-A KUBE-POSTROUTING -j RETURN\nCOMMIT\n',
  mangle: '*mangle\n-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400\nCOMMIT\n',
  raw: '*raw\n-A PREROUTING -p udp -j RETURN\nCOMMIT\n',
};

/** Everything of a save that is not ours, byte for byte, without counters and times. */
function foreignPart(save: string): string {
  return save
    .split('\n')
    .filter(line => !line.startsWith('#') && !/^(-A|:)\s?msl-/.test(line) && !/-j msl-\S+$/.test(line))
    .map(line => line.replace(/\[\d+:\d+\]/, ''))
    .join('\n');
}

const states = fc.sample(nodeState, { numRuns: 8, seed: 20261121 });

describe.each(['nft', 'legacy'] as const)('rules in the kernel by iptables-%s', variant => {
  let room: KernelRoom;
  beforeAll(() => {
    room = new KernelRoom(variant, variant);
    for (const family of [4, 6] as const)
      for (const text of Object.values(FOREIGN)) room.restore(family, text);
  });
  afterAll(() => room.close());

  const desired = (state: NodeState, config: NodeConfig) => {
    const rules = lower(compile(state, config), IPTABLES_LIMITS);
    return { sets: desiredSets(state.sets, rules), tables: renderTables(rules) };
  };
  const saved = (family: Family, table: TableName) =>
    parseSave(room.save(family)).get(table) ?? emptyTable(table);
  const ownSets = (family: Family) =>
    new Map([...parseIpsetSave(room.ipsetSave())].filter(([name]) => name.startsWith(`msl${family}`)));
  const bring = (family: Family, want: ReturnType<typeof desired>) => {
    const sets = planSets(want.sets, ownSets(family));
    room.ipset(ipsetBeforeRules(sets));
    for (const table of want.tables)
      room.restore(family, restoreInput(planTable(table, saved(family, table.table))));
    room.ipset(ipsetAfterRules(sets));
  };
  const settled = (family: Family, want: ReturnType<typeof desired>) => {
    for (const table of want.tables)
      expect(planTable(table, saved(family, table.table))).toMatchObject({
        rewrite: [],
        hooks: [],
        remove: [],
      });
    expect(isEmptySetPlan(planSets(want.sets, ownSets(family)))).toBe(true);
  };

  describe.each([4, 6] as const)('IPv%i', family => {
    it('are all accepted, read back as desired, and leave foreign rules byte for byte', () => {
      const before = foreignPart(room.save(family));
      expect(before).toContain('KUBE-FORWARD');
      for (const state of states) {
        const want = desired(state, configOf(family, 'Drop', EAGER));
        bring(family, want);
        settled(family, want);
        expect(foreignPart(room.save(family))).toBe(before);
      }
    });

    it('are what the plan said they would be', () => {
      const tables = desired(states[1] as NodeState, configOf(family)).tables;
      for (const table of tables) {
        const plan = planTable(table, emptyTable(table.table));
        const predicted = afterTablePlan(plan, emptyTable(table.table));
        expect(isEmptyTablePlan(planTable(table, predicted))).toBe(true);
      }
    });

    it('are repaired whatever somebody did to them', () => {
      const want = desired(states[2] as NodeState, configOf(family));
      bring(family, want);
      const damage: readonly (readonly string[])[] = [
        ['-D', 'msl-pod', '1'],
        ['-A', 'msl-pod', '-j', 'DROP'],
        ['-F', 'msl-to-host'],
        ['-R', 'msl-FORWARD', '1', '-j', 'ACCEPT'],
        ['-I', 'FORWARD', '1', '-j', 'KUBE-FORWARD'],
        ['-A', 'FORWARD', '-j', 'msl-FORWARD'],
        ['-A', 'KUBE-FORWARD', '-i', 'eth7', '-g', 'msl-from'],
        ['-N', 'msl-stale-1'],
        ['-N', 'msl-stale-2'],
        ['-A', 'msl-stale-1', '-j', 'msl-stale-2'],
        ['-A', 'INPUT', '-j', 'msl-stale-1'],
      ];
      const before = foreignPart(room.save(family));
      for (const words of damage) room.iptables(family, ...words);
      bring(family, want);
      settled(family, want);
      expect(room.save(family)).not.toContain('stale');
      room.iptables(family, '-D', 'FORWARD', '-j', 'KUBE-FORWARD');
      expect(foreignPart(room.save(family)).split('\n').toSorted()).toEqual(before.split('\n').toSorted());
    });

    it('look into a set that is swapped for a bigger one, whatever a crash left beside it', () => {
      const want = desired(states[4] as NodeState, configOf(family));
      bring(family, want);
      const set = [...want.sets.values()].find(s => room.save(family).includes(`${s.name} `)) as Ipset;
      const beside = temporarySetName(set.name);
      room.ipset(`create ${beside} bitmap:port range 1-2\n`);
      const bigger = { ...set, maxelem: set.maxelem * 2 };
      const plan = planSets(new Map([[set.name, bigger]]), ownSets(family));
      expect(plan.replace).toEqual([bigger]);
      room.ipset(ipsetBeforeRules(plan));
      const now = ownSets(family);
      expect(now.get(set.name)?.maxelem).toBe(bigger.maxelem);
      expect(now.get(set.name)?.members).toEqual(set.members);
      expect(now.has(beside)).toBe(false);
    });

    it('go without a trace when nothing is desired', () => {
      const nothing = COMPILED_TABLES.map(
        (table): RenderedTable => ({ family, table, chains: new Map(), hooks: new Map() }),
      );
      bring(family, { sets: new Map(), tables: nothing });
      expect(
        room
          .save(family)
          .split('\n')
          .filter(line => /^:/.test(line))
          .map(line => line.slice(1).split(' ')[0] ?? '')
          .filter(isOwnChain),
      ).toEqual([]);
      expect(room.save(family)).not.toMatch(/-[jg] msl-/);
      expect(ownSets(family).size).toBe(0);
    });
  });
});
