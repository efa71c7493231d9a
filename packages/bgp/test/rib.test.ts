import { formatIp, formatPrefix, type Ip4, ip4, mustIp, mustPrefix, type Prefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ACCEPT_ALL,
  decodeMessage,
  Framer,
  nlriList,
  type PathAttributes,
  type Policy,
  packNlri,
  PLAIN_OPTIONS,
  showAttributes,
  type UpdateMessage,
} from '../src/index.ts';
import type { ExportTreatment } from '../src/rib/export-rules.ts';
import type { ImportTreatment } from '../src/rib/import-rules.ts';
import { Rib } from '../src/rib/rib.ts';
import type { RibPeer } from '../src/rib/rib-peer.ts';
import { ALL_FAMILIES, unicastOf } from '../src/wire/route-family.ts';
import {
  type SpecPeer,
  type SpecRoute,
  specifyAdvertised,
  specifyAllPaths,
  specifyBest,
} from './rib-specification.ts';

const routerId = mustIp('10.0.0.1') as Ip4;
const ALL = 1000;
const noneV4 = packNlri('ipv4-unicast', []);

const PREFIXES = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '0.0.0.0/0',
  '10.1.2.3/32',
  'fd00::/8',
  'fd00:1::/64',
  '::/0',
].map(mustPrefix);
const POLICIES: readonly Policy[] = [
  ACCEPT_ALL,
  {
    rules: [{ match: { prefix: { prefix: mustPrefix('10.1.0.0/16'), operator: 'in' } }, verdict: 'reject' }],
    otherwise: 'accept',
  },
  {
    rules: [
      {
        match: { communities: [{ kind: 'standard', value: 77 }] },
        actions: [{ kind: 'set-local-pref', value: 300 }],
        verdict: 'accept',
      },
      { match: { source: 'own' }, actions: [{ kind: 'set-med', value: 5 }], verdict: 'continue' },
    ],
    otherwise: 'accept',
  },
  { rules: [], otherwise: 'reject' },
];

/** Some of the next hops below. */
const SHARED = [mustPrefix('10.0.0.240/31'), mustPrefix('fd00::f0/127')];

interface Member {
  readonly source: RibPeer;
  importTreatment: ImportTreatment;
  exportTreatment: ExportTreatment;
  up: boolean;
  received: Map<string, SpecRoute>;
  told: Map<string, PathAttributes>;
}

function makePeer(slot: number, kind: 'ebgp' | 'ibgp', client: boolean, all: boolean): Member {
  const external = kind === 'ebgp';
  const address = ip4(0x0a000000 + slot);
  return {
    source: {
      ...{ slot, id: `p${slot}`, kind, client, address },
      routerId: ip4(0x0b000000 + (slot % 3)),
      behindUs: slot === 2,
    },
    importTreatment: {
      external,
      localAs: 65000,
      remoteAs: 65000 + slot,
      routerId,
      clusterId: routerId,
      allowAsIn: 0,
      enforceFirstAs: false,
      honourGracefulShutdown: true,
      gracefulShutdown: false,
      role: undefined,
      ownAddresses: external ? new Set(['10.0.0.243', 'fd00::f3']) : new Set(),
      policy: ACCEPT_ALL,
    },
    exportTreatment: {
      external,
      localAs: 65000,
      client,
      ...(client && slot === 3 && { meshedClient: true }),
      clusterId: routerId,
      nextHop: 'auto',
      self: { 4: { ip: routerId }, 6: { ip: mustIp('fd00::1') } },
      role: undefined,
      gracefulShutdown: false,
      longLived: false,
      policy: ACCEPT_ALL,
      wire: { ...PLAIN_OPTIONS, external, addPath: { 'ipv4-unicast': all, 'ipv6-unicast': all } },
    },
    up: false,
    received: new Map(),
    told: new Map(),
  };
}

/** A Rib, its peers, and what the bytes that it sent add up to. */
class World {
  readonly rib = new Rib(routerId);
  readonly own = new Map<string, SpecRoute>();
  readonly members: Member[] = [];
  readonly fib = new Map<string, number>();
  readonly costs = new Map<string, number>();

  /** Without `addPath` nobody takes all paths: then losers need not be decided upon. */
  constructor(addPath = true) {
    // Kind, reflection client, takes all paths.
    const kinds = [
      ['ebgp', false, false],
      ['ebgp', false, true],
      ['ibgp', true, false],
      ['ibgp', true, true],
      ['ibgp', false, true],
      ['ibgp', false, false],
    ] as const;
    for (const [kind, client, all] of kinds) {
      const slot = this.rib.peers.reserve();
      const member = makePeer(slot, kind, client, all && addPath);
      this.rib.peers.set(member.source);
      this.members.push(member);
    }
  }

  send = (slot: number, bytes: Uint8Array): void => {
    const member = this.members[slot - 1] as Member;
    if (!member.up) throw new Error('sent to a peer that is down');
    const framer = new Framer();
    framer.push(bytes);
    for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
      if ('severity' in frame) throw new Error(frame.message);
      const message = decodeMessage(frame, member.exportTreatment.wire);
      if (!message.ok || message.value.kind !== 'update') throw new Error('not an UPDATE');
      const { withdrawn, mpUnreach, announced, mpReach, attributes, faults } = message.value;
      if (faults.length > 0) throw new Error(faults[0]?.message);
      for (const block of [withdrawn, mpUnreach ?? noneV4]) {
        for (const { prefix, pathId } of nlriList(block)) {
          if (!member.told.delete(`${formatPrefix(prefix)} ${pathId}`))
            throw new Error(`withdrew ${formatPrefix(prefix)}, which the peer never had`);
        }
      }
      for (const { prefix, pathId } of nlriList(announced))
        member.told.set(`${formatPrefix(prefix)} ${pathId}`, attributes);
      if (mpReach?.nextHop !== undefined) {
        for (const { prefix, pathId } of nlriList(mpReach.nlri))
          member.told.set(`${formatPrefix(prefix)} ${pathId}`, { ...attributes, nextHop: mpReach.nextHop });
      }
    }
  };

  flush(): void {
    this.rib.flush(ALL_FAMILIES, this.send, best => {
      const text = formatPrefix(this.rib.families[best.family].prefixes.prefix(best.entry));
      const [path] = best.paths;
      if (path === undefined) this.fib.delete(text);
      else this.fib.set(text, this.rib.families[best.family].paths.slot[path] as number);
    });
    this.rib.sweep();
  }

  drain(slot: number, limit: number): void {
    for (const family of ALL_FAMILIES) {
      const group = this.rib.group(family, slot);
      if (group?.member(slot)?.paused !== false) continue;
      // A refresh that waited for the first routes begins when they are through.
      if (!group.drain(slot, limit, this.send) && limit === ALL) group.drain(slot, limit, this.send);
    }
    this.rib.sweep();
  }

  pause(slot: number, paused: boolean): void {
    for (const family of ALL_FAMILIES) {
      const member = this.rib.group(family, slot)?.member(slot);
      if (member !== undefined) member.paused = paused;
    }
  }

  up(member: Member): void {
    if (member.up) return;
    member.up = true;
    for (const family of ALL_FAMILIES) this.rib.join(family, member.source.slot, member.exportTreatment);
  }

  down(member: Member): void {
    member.up = false;
    member.received.clear();
    member.told.clear();
    for (const family of ALL_FAMILIES) {
      this.rib.leave(family, member.source.slot);
      this.rib.families[family].removeAll(member.source.slot);
    }
  }

  receive(member: Member, prefix: Prefix, attributes: PathAttributes | undefined, pathId: number): void {
    if (!member.up) return;
    const block = { ...packNlri(unicastOf(prefix.ip.family), [{ prefix, pathId }], true) };
    const key = `${formatPrefix(prefix)} ${pathId}`;
    const base = {
      kind: 'update',
      withdrawn: noneV4,
      announced: noneV4,
      attributes: {},
      faults: [],
    } as const;
    let update: UpdateMessage;
    if (attributes === undefined) {
      member.received.delete(key);
      update = { ...base, mpUnreach: block };
    } else {
      const { nextHop, ...rest } = attributes;
      member.received.set(key, { prefix, pathId, attributes });
      update = { ...base, attributes: rest, mpReach: { nlri: block, ...(nextHop && { nextHop }) } };
    }
    this.rib.receive(member.source.slot, update, member.importTreatment);
  }

  specification(): SpecPeer[] {
    const self: RibPeer = this.rib.peers.get(0);
    return [
      {
        source: self,
        importTreatment: undefined,
        exportTreatment: undefined,
        received: [...this.own.values()],
      },
      ...this.members.map(m => ({
        source: m.source,
        importTreatment: m.importTreatment,
        exportTreatment: m.up ? m.exportTreatment : undefined,
        received: [...m.received.values()],
      })),
    ];
  }

  /** Lets everything settle and compares with the specification. */
  check(): void {
    this.flush();
    for (const { source, up } of this.members) {
      if (!up) continue;
      this.pause(source.slot, false);
      this.drain(source.slot, ALL);
    }
    const peers = this.specification();
    const best = new Map([...specifyBest(peers, this.costs)].map(([text, path]) => [text, path.source.slot]));
    expect(sorted(this.fib)).toEqual(sorted(best));
    for (const [i, member] of this.members.entries()) {
      const spec = peers[i + 1] as SpecPeer;
      const all = member.exportTreatment.wire.addPath['ipv4-unicast'];
      const expected = all
        ? specifyAllPaths(peers, this.costs, spec)
        : new Map([...specifyAdvertised(peers, this.costs, spec)].map(([text, sent]) => [text, [sent]]));
      const told = new Map<string, PathAttributes[]>();
      for (const [key, attributes] of member.told) {
        const text = key.split(' ')[0] as string;
        told.set(text, [...(told.get(text) ?? []), attributes]);
      }
      expect(shown(told)).toEqual(shown(expected));
      const listed = ALL_FAMILIES.reduce(
        (n, f) => n + (this.rib.group(f, member.source.slot)?.advertisedCount(member.source.slot) ?? 0),
        0,
      );
      expect(listed).toBe(member.told.size);
    }
  }
}

const sorted = <V>(map: Map<string, V>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** Paths of one prefix have no order. */
const shown = (map: Map<string, PathAttributes[]>) =>
  sorted(map).map(([text, list]) => [text, list.map(a => showAttributes(a).join()).sort()]);

const nat = (max: number) => fc.nat(max);
const attributesOf = fc
  .record({
    as: fc.array(fc.constantFrom(65001, 65002, 65000, 7), { maxLength: 3 }),
    origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
    hop: nat(3),
    med: fc.option(nat(2), { nil: undefined }),
    localPref: fc.option(fc.constantFrom(100, 200), { nil: undefined }),
    communities: fc.option(fc.constantFrom([77], [0xffffff01], [0xffffff02], [1, 77]), { nil: undefined }),
    originatorId: fc.option(fc.constantFrom(ip4(0x0b000000), routerId), { nil: undefined }),
    clusterList: fc.option(fc.constantFrom([ip4(9)], [ip4(9), ip4(8)]), { nil: undefined }),
  })
  .map(({ as, hop, ...r }) => (family: 4 | 6, external: boolean): PathAttributes => {
    const ip = family === 4 ? ip4(0x0a0000f0 + hop) : mustIp(`fd00::f${hop}`);
    const present = Object.entries(r).filter(
      ([key, value]) =>
        value !== undefined && !(external && ['localPref', 'originatorId', 'clusterList'].includes(key)),
    );
    return {
      ...Object.fromEntries(present),
      asPath: as.length > 0 ? [{ kind: 'sequence', asNumbers: as }] : [],
      nextHop: { ip },
    };
  });

const operation = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(
      fc.constant('announce' as const),
      nat(5),
      nat(PREFIXES.length - 1),
      attributesOf,
      nat(1),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant('withdraw' as const),
      nat(5),
      nat(PREFIXES.length - 1),
      attributesOf,
      nat(1),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('own' as const), nat(1), nat(PREFIXES.length - 1), attributesOf, nat(0)),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant('upDown' as const), nat(5), nat(3), attributesOf, nat(0)) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('import' as const),
      nat(5),
      nat(POLICIES.length - 1),
      attributesOf,
      nat(0),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('export' as const),
      nat(5),
      nat(POLICIES.length - 1),
      attributesOf,
      nat(0),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('pause' as const), nat(5), nat(1), attributesOf, nat(0)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('drain' as const), nat(5), nat(3), attributesOf, nat(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('refresh' as const), nat(5), nat(0), attributesOf, nat(0)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('cost' as const), nat(5), nat(3), attributesOf, nat(0)),
  },
  { weight: 5, arbitrary: fc.tuple(fc.constant('flush' as const), nat(0), nat(0), attributesOf, nat(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('check' as const), nat(0), nat(0), attributesOf, nat(0)) },
);

describe('the routing tables', () => {
  test('equal their specification under every interleaving of updates, filters, slow peers and restarts', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.boolean(),
        (operations, addPath) => {
          const world = new World(addPath);
          for (const member of world.members.slice(0, 4)) world.up(member);
          for (const [kind, who, what, make, pathId] of operations) {
            const member = world.members[who] as Member;
            const { slot } = member.source;
            const prefix = PREFIXES[what] as Prefix;
            switch (kind) {
              case 'announce':
                world.receive(member, prefix, make(prefix.ip.family, member.source.kind === 'ebgp'), pathId);
                break;
              case 'withdraw':
                world.receive(member, prefix, undefined, pathId);
                break;
              case 'own':
                if (who === 0) {
                  const attributes: PathAttributes = { origin: 'igp', asPath: [] };
                  world.own.set(formatPrefix(prefix), { prefix, pathId: 0, attributes });
                  world.rib.originate(prefix, attributes);
                } else {
                  world.own.delete(formatPrefix(prefix));
                  world.rib.withdrawOwn(prefix);
                }
                break;
              case 'upDown':
                if (what === 0) world.down(member);
                else world.up(member);
                break;
              case 'import':
                member.importTreatment = { ...member.importTreatment, policy: POLICIES[what] as Policy };
                world.rib.reimport(slot, member.importTreatment);
                break;
              case 'export':
                member.exportTreatment = {
                  ...member.exportTreatment,
                  policy: POLICIES[what] as Policy,
                  sharedSubnets: member.exportTreatment.external && who % 2 === 0 ? SHARED : [],
                };
                // A new treatment applies to what is decided: the speaker flushes before it takes commands.
                world.flush();
                if (member.up)
                  for (const family of ALL_FAMILIES) world.rib.join(family, slot, member.exportTreatment);
                break;
              case 'pause':
                world.pause(slot, what === 1);
                break;
              case 'drain':
                world.flush();
                world.drain(slot, what + 1);
                break;
              case 'refresh':
                for (const family of ALL_FAMILIES) world.rib.group(family, slot)?.refresh(slot);
                break;
              case 'cost': {
                const ip = ip4(0x0a0000f0 + (who % 4));
                const cost = [0, 1, 5, Number.POSITIVE_INFINITY][what] as number;
                world.costs.set(formatIp(ip), cost);
                world.rib.setNextHopCost(ip, cost);
                break;
              }
              case 'flush':
                world.flush();
                break;
              case 'check':
                world.check();
                break;
              default:
                kind satisfies never;
            }
          }
          world.check();
          // Nothing is left behind when everything is gone.
          for (const member of world.members) world.down(member);
          for (const { prefix } of world.own.values()) world.rib.withdrawOwn(prefix);
          world.flush();
          expect(
            ALL_FAMILIES.map(f => [world.rib.families[f].prefixes.size, world.rib.families[f].paths.size]),
          ).toEqual([
            [0, 0],
            [0, 0],
          ]);
          expect(world.rib.attributes.size).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('break ties as the specification does', () => {
    // Everything above the last steps is equal, so that only these decide.
    const tie = fc.tuple(fc.integer({ min: 2, max: 5 }), fc.nat(1), fc.nat(2), fc.boolean(), fc.nat(3));
    fc.assert(
      fc.property(fc.array(tie, { minLength: 2, maxLength: 12 }), fc.boolean(), (ties, addPath) => {
        const world = new World(addPath);
        for (const member of world.members) world.up(member);
        world.costs.set('10.0.0.240', 5);
        world.rib.setNextHopCost(ip4(0x0a0000f0), 5);
        for (const [who, pathId, clusters, originated, hop] of ties) {
          world.receive(
            world.members[who] as Member,
            PREFIXES[0] as Prefix,
            {
              origin: 'igp',
              asPath: [],
              nextHop: { ip: ip4(0x0a0000f0 + (hop === 3 ? 1 : 0)) },
              ...(originated && { originatorId: ip4(0x0b000000) }),
              ...(clusters > 0 && { clusterList: Array.from({ length: clusters }, () => ip4(9)) }),
            },
            pathId,
          );
        }
        world.check();
      }),
      { numRuns: 200 },
    );
  });
});
