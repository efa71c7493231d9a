import type { NodeState } from '@muslin/api';
import type { Family } from '@muslin/net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compile,
  isEmptyNftPlan,
  lower,
  NFT_LIMITS,
  type NftTable,
  nftScript,
  nftTable,
  parseNftList,
  planNft,
} from '../src/index.ts';
import { KernelRoom } from './kernel-room.ts';
import { configOf, EAGER, nodeState } from './world.ts';

const FOREIGN = `table ip muslin2 {
  set s {
    type ipv4_addr
    elements = { 10.0.0.1 }
  }
  chain msl-FORWARD {
    type filter hook forward priority filter; policy accept;
    ip saddr @s drop comment "msl:not ours"
  }
}
table ip6 kube-proxy {
  chain c {
    type nat hook postrouting priority srcnat; policy accept;
    masquerade
  }
}
`;

const states = fc.sample(nodeState, { numRuns: 8, seed: 20261121 });

describe('rules in the kernel by nft', () => {
  let room: KernelRoom;
  beforeAll(() => {
    room = new KernelRoom('native', 'nft');
    room.nft(FOREIGN);
  });
  afterAll(() => room.close());

  const desired = (state: NodeState, family: Family): NftTable =>
    nftTable(lower(compile(state, configOf(family, 'Drop', EAGER)), NFT_LIMITS), state.sets);
  const plan = (want: NftTable) => planNft(want, parseNftList(room.nftList(want.family)));
  const foreign = () =>
    ['ip muslin2', 'ip6 kube-proxy'].map(table => room.run(['nft', 'list', 'table', ...table.split(' ')]));

  it.each([4, 6] as const)(
    'are all accepted, read back as desired, and leave foreign tables alone (IPv%i)',
    family => {
      const before = foreign();
      for (const state of states) {
        const want = desired(state, family);
        room.nft(nftScript(plan(want)));
        expect(plan(want)).toEqual(planNft(want, parseNftList(room.nftList(family))));
        expect(isEmptyNftPlan(plan(want)), JSON.stringify(plan(want)).slice(0, 2000)).toBe(true);
        expect(foreign()).toEqual(before);
      }
    },
  );

  it('are repaired whatever somebody did to them', () => {
    const want = desired(states[2] as NodeState, 4);
    room.nft(nftScript(plan(want)));
    const set = [...want.sets.values()].find(s => s.kind !== 'ip-port' && s.members.size > 0);
    room.nft(`flush chain ip muslin msl-to-host
add rule ip muslin msl-FORWARD drop
add chain ip muslin msl-stale
add chain ip muslin msl-stale2
add rule ip muslin msl-stale goto msl-stale2
add element ip muslin msl-from-pods { "mslx" : goto msl-stale }
add set ip muslin extra { type ipv4_addr; }
add rule ip muslin msl-stale ip saddr @extra drop
flush set ip muslin ${set?.name}
`);
    const repair = plan(want);
    expect(repair.rewrite.map(chain => chain.name).toSorted()).toEqual(['msl-FORWARD', 'msl-to-host']);
    room.nft(nftScript(repair));
    expect(isEmptyNftPlan(plan(want))).toBe(true);
    expect(room.nftList(4)).not.toMatch(/stale|extra/);
  });

  it('are built anew when a chain hangs on another hook', () => {
    const want = desired(states[3] as NodeState, 4);
    room.nft(
      'delete table ip muslin\nadd table ip muslin\nadd chain ip muslin msl-FORWARD { type filter hook input priority 0; }\n',
    );
    expect(plan(want).rebuild).toBe(true);
    room.nft(nftScript(plan(want)));
    expect(isEmptyNftPlan(plan(want))).toBe(true);
  });
});
