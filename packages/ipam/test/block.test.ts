import { formatIp, mustIp, mustPrefix, prefixSize } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressesOf,
  assignFromBlock,
  type Block,
  blockFromSpec,
  blockToSpec,
  emptyBlock,
  isEmpty,
  ordinalOf,
  release,
  releaseHandle,
  type Sequence,
} from '../src/index.ts';
import { NOW } from './world.ts';

const owner = { type: 'host', name: 'n1' } as const;
const block = (cidr = '10.0.0.0/30') => emptyBlock(mustPrefix(cidr), owner, NOW);
const wish = (handleId: string, more: object = {}) => ({
  handleId,
  secondary: { pod: handleId },
  cooldownMs: 0,
  ...more,
});
const time = { now: NOW, cooldownMs: 0 };

function take(
  from: Block,
  handleId: string,
  more: object = {},
  now = NOW,
): { block: Block; ip: string; sequence: Sequence } {
  const got = assignFromBlock(from, wish(handleId, more), [], now);
  if (!got.ok) throw new Error(got.fault.message);
  return { block: got.value.block, ip: formatIp(got.value.ip), sequence: got.value.sequence };
}

function free(from: Block, ip: string, expected: object = {}, when = time): Block {
  const got = release(from, mustIp(ip), expected, when);
  if (!got.ok) throw new Error(got.fault.message);
  return got.value;
}

describe('an address that cools down', () => {
  const HOUR = 3_600_000;
  const rest = (now: number) => ({ now, cooldownMs: 60_000 });
  const full = () => take(take(block('10.0.0.0/31'), 'a').block, 'b').block;
  const later = (from: Block, now: number) =>
    assignFromBlock(from, wish('c', { cooldownMs: 60_000 }), [], now);

  it('comes back to the second, the one that was released first before the other', () => {
    const cooling = free(free(full(), '10.0.0.1', {}, rest(NOW)), '10.0.0.0', {}, rest(NOW + 1_000));
    expect(later(cooling, NOW + 59_999)).toMatchObject({ fault: { code: 'cooling' } });
    const got = later(cooling, NOW + 90_000);
    expect(got.ok && formatIp(got.value.ip)).toBe('10.0.0.1');
  });
  it('waits when the clock goes back a little, and not for a time that no clock can have shown', () => {
    const cooling = free(full(), '10.0.0.0', {}, rest(NOW));
    expect(later(cooling, NOW - 30 * 60_000)).toMatchObject({ fault: { code: 'cooling' } });
    expect(later(cooling, NOW - 2 * HOUR)).toMatchObject({ ok: true });
  });
  it('does not rest for ever after a time that cannot be read', () => {
    const cooling = free(full(), '10.0.0.0', {}, rest(NOW));
    const attributes = cooling.attributes.map(attribute =>
      attribute.releasedAt === undefined ? attribute : { ...attribute, releasedAt: 'soon' },
    );
    expect(later({ ...cooling, attributes }, NOW)).toMatchObject({ ok: true });
  });
  it('keeps its own time beside another of the same holder', () => {
    const both = take(take(block('10.0.0.0/31'), 'a').block, 'a').block;
    const cooling = free(free(both, '10.0.0.0', {}, rest(NOW)), '10.0.0.1', {}, rest(NOW + 30_000));
    const got = later(cooling, NOW + 61_000);
    expect(got.ok && [formatIp(got.value.ip), got.value.block.unallocated]).toEqual(['10.0.0.0', []]);
  });
  it('is told from one that differs in what only others know', () => {
    const two = take(take(block('10.0.0.0/31'), 'a').block, 'a').block;
    const [attribute] = two.attributes;
    if (attribute === undefined) throw new Error('no attribute');
    const told = {
      ...two,
      allocations: [0, 1],
      attributes: [
        { ...attribute, others: { later: 1 } },
        { ...attribute, others: { later: 2 } },
      ],
    };
    const wide = {
      ...told,
      cidr: mustPrefix('10.0.0.0/30'),
      allocations: [0, 1, null, null],
      unallocated: [2, 3],
    };
    expect(take(wide, 'b').block.attributes.map(({ others }) => others)).toEqual([
      { later: 1 },
      { later: 2 },
      undefined,
    ]);
  });
});

describe('a block', () => {
  it('gives the address that is free for longest', () => {
    const a = take(block(), 'a');
    const b = take(a.block, 'b');
    expect([a.ip, b.ip]).toEqual(['10.0.0.0', '10.0.0.1']);
    const again = free(b.block, '10.0.0.0');
    const next = ['c', 'd', 'e'].reduce<{ block: Block; ips: string[] }>(
      (sum, handle) => {
        const got = take(sum.block, handle);
        return { block: got.block, ips: [...sum.ips, got.ip] };
      },
      { block: again, ips: [] },
    );
    expect(next.ips).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.0']);
    expect(assignFromBlock(next.block, wish('f'), [], NOW)).toMatchObject({
      ok: false,
      fault: { code: 'full' },
    });
  });
  it('passes over reservations, and says when only those are left', () => {
    const reserved = [mustPrefix('10.0.0.0/31'), mustPrefix('10.0.0.2/32'), mustPrefix('192.0.2.0/24')];
    expect(assignFromBlock(block(), wish('a'), reserved, NOW)).toMatchObject({
      value: { ip: mustIp('10.0.0.3') },
    });
    const one = take(block(), 'x', { ip: mustIp('10.0.0.3') });
    expect(assignFromBlock(one.block, wish('a'), reserved, NOW)).toMatchObject({
      fault: { code: 'reserved' },
    });
    expect(assignFromBlock(block(), wish('a'), [mustPrefix('10.0.0.0/8')], NOW)).toMatchObject({
      fault: { code: 'reserved' },
    });
  });
  it('gives a reserved address to those who ask for it by name', () => {
    expect(
      assignFromBlock(block(), wish('a', { ip: mustIp('10.0.0.0') }), [mustPrefix('10.0.0.0/8')], NOW).ok,
    ).toBe(true);
  });
  it('refuses an address in use and says whose it is, and one of another block', () => {
    const one = take(block(), 'a');
    expect(assignFromBlock(one.block, wish('b', { ip: mustIp('10.0.0.0') }), [], NOW)).toMatchObject({
      fault: { code: 'taken', heldBy: { handleId: 'a' } },
    });
    expect(assignFromBlock(block(), wish('b', { ip: mustIp('10.0.0.4') }), [], NOW)).toMatchObject({
      fault: { code: 'not-in-block' },
    });
  });
  it('lets a released address cool down, and then puts it last', () => {
    const one = take(take(block('10.0.0.0/31'), 'a').block, 'b').block;
    const cooling = free(one, '10.0.0.0', {}, { now: NOW, cooldownMs: 60_000 });
    expect(addressesOf(cooling).map(a => formatIp(a.ip))).toEqual(['10.0.0.1']);
    expect(cooling.unallocated).toEqual([]);
    const c = { cooldownMs: 60_000 };
    expect(assignFromBlock(cooling, wish('c', c), [], NOW + 59_000)).toMatchObject({
      fault: { code: 'cooling' },
    });
    expect(take(cooling, 'c', c, NOW + 60_000).ip).toBe('10.0.0.0');
    // Asked for by address, as a static address of a restarted pod is, it need not cool down.
    expect(take(cooling, 'c', { ...c, ip: mustIp('10.0.0.0') }, NOW + 1).ip).toBe('10.0.0.0');
  });
  it('refuses a late release: of another handle, of another life, of a free address', () => {
    const first = take(block('10.0.0.0/32'), 'a');
    const second = take(free(first.block, first.ip), 'a');
    const try_ = (expected: object, from = second.block) => release(from, mustIp(first.ip), expected, time);
    expect(try_({ handleId: 'b' })).toMatchObject({ fault: { code: 'other-handle' } });
    expect(try_({ handleId: 'a', sequence: first.sequence })).toMatchObject({
      fault: { code: 'other-life' },
    });
    expect(try_({ handleId: 'a', sequence: second.sequence }).ok).toBe(true);
    expect(try_({}, block('10.0.0.0/32'))).toMatchObject({ fault: { code: 'not-in-use' } });
    expect(release(first.block, mustIp('10.9.9.9'), {}, time)).toMatchObject({
      fault: { code: 'not-in-block' },
    });
  });
  it('releases all addresses of a handle and no other', () => {
    const full = ['a', 'b', 'a'].reduce((b, handle) => take(b, handle).block, block());
    const { block: after, released } = releaseHandle(full, 'a', time);
    expect(released.map(formatIp)).toEqual(['10.0.0.0', '10.0.0.2']);
    expect(addressesOf(after).map(a => a.attribute.handleId)).toEqual(['b']);
    expect(after.attributes.length).toBe(1);
    expect(releaseHandle(after, 'a', time).block).toBe(after);
  });
});

describe('a block’s spec', () => {
  it('has Calico’s field names', () => {
    const one = take(block('10.244.0.0/31'), 'k8s-pod-network.c1');
    expect(blockToSpec(one.block)).toEqual({
      cidr: '10.244.0.0/31',
      affinity: 'host:n1',
      affinityClaimTime: '2026-11-21T03:00:00Z',
      allocations: [0, null],
      unallocated: [1],
      attributes: [{ handle_id: 'k8s-pod-network.c1', secondary: { pod: 'k8s-pod-network.c1' } }],
      sequenceNumber: 1,
      sequenceNumberForAllocation: { '0': 1 },
      strictAffinity: false,
    });
  });
  it('reads back what was written, whatever was done before', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('take'), who: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('free'), who: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('wait'), who: fc.constant('') }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('10.0.0.0/30', 'fd00::/126'),
        fc.array(step),
        fc.constantFrom(0, 5_000),
        (cidr, steps, cooldownMs) => {
          let state = block(cidr);
          let now = NOW;
          for (const { do: what, who } of steps) {
            if (what === 'wait') now += 3_000;
            if (what === 'free') state = releaseHandle(state, who, { now, cooldownMs }).block;
            if (what === 'take') {
              const before = new Set(addressesOf(state).map(a => formatIp(a.ip)));
              const got = assignFromBlock(state, wish(who, { cooldownMs }), [], now);
              if (got.ok) {
                expect(before.has(formatIp(got.value.ip))).toBe(false);
                state = got.value.block;
              }
            }
            const read = blockFromSpec(JSON.parse(JSON.stringify(blockToSpec(state))));
            expect(read).toEqual({ ok: true, value: state });
            const held = state.allocations.filter(index => index !== null).length;
            expect(held + state.unallocated.length).toBe(prefixSize(state.cidr));
          }
        },
      ),
    );
  });
  const spec = blockToSpec(take(block('10.0.0.0/31'), 'a').block);
  for (const [sentence, change, field] of [
    ['no cidr', { cidr: undefined }, 'spec.cidr'],
    ['host bits', { cidr: '10.0.0.1/31' }, 'spec.cidr'],
    ['a cidr of millions of addresses', { cidr: '10.0.0.0/8' }, 'spec.cidr'],
    ['too few allocations', { allocations: [0] }, 'spec.allocations'],
    ['an index without attribute', { allocations: [7, null] }, 'spec.allocations'],
    ['an ordinal that is free and in use', { unallocated: [0, 1] }, 'spec.unallocated'],
    ['an ordinal listed twice', { unallocated: [1, 1] }, 'spec.unallocated'],
    ['an ordinal that is neither free nor in use', { unallocated: [] }, 'spec.unallocated'],
    ['attributes that are no list', { attributes: {} }, 'spec.attributes'],
    ['an owner of a kind that we do not know', { affinity: 'rack:r1' }, 'spec.affinity'],
  ] as const)
    it(`is not believed with ${sentence}`, () => {
      expect(blockFromSpec({ ...spec, ...change })).toMatchObject({
        ok: false,
        fault: { code: 'unreadable', field },
      });
    });
  it('is read as Calico writes it, with owners during a migration and without sequences', () => {
    const read = blockFromSpec({
      cidr: 'fd00::/127',
      affinity: 'virtual:load-balancer',
      allocations: [0, null],
      unallocated: [1],
      attributes: [
        { handle_id: 'h', secondary: { pod: 'p', vmiUID: 'x' }, alternateOwnerAttrs: { pod: 'q' } },
      ],
      strictAffinity: true,
      deleted: true,
    });
    if (!read.ok) throw new Error(read.fault.message);
    expect(read.value).toMatchObject({
      owner: { type: 'virtual', name: 'load-balancer' },
      sequenceNumber: 0,
      deleted: true,
    });
    expect(blockToSpec(read.value)).toMatchObject({ attributes: [{ alternateOwnerAttrs: { pod: 'q' } }] });
    expect(isEmpty(read.value)).toBe(false);
    expect(ordinalOf(read.value, mustIp('fd00::1'))).toBe(1);
  });
});
