import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatPrefix,
  mustIp,
  mustPrefix,
  type Prefix,
  PrefixTrie,
  parsePrefix,
  portSet,
  portSetHas,
  prefix,
  prefixCovers,
  prefixesOverlap,
  prefixHas,
  prefixSize,
} from '../src/index.ts';

const prefixes = fc
  .oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
  )
  .map(([ip, length]) => prefix(mustIp(ip), length));

describe('parsePrefix', () => {
  it('masks host bits as old API servers stored them, and refuses them when strict', () => {
    const lax = parsePrefix('10.1.2.3/8');
    expect(lax.ok && formatPrefix(lax.value)).toBe('10.0.0.0/8');
    const strict = parsePrefix('10.1.2.3/8', { strict: true });
    expect(strict).toMatchObject({ ok: false, fault: { code: 'host-bits-set' } });
  });
  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '::/129',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/8/8',
  ])('refuses %j', text => {
    expect(parsePrefix(text).ok).toBe(false);
  });
  it('reads back whatever it writes', () => {
    fc.assert(fc.property(prefixes, p => void expect(mustPrefix(formatPrefix(p))).toEqual(p)));
  });
});

describe('prefix relations', () => {
  it('hold by definition: cover means overlap and not longer', () => {
    fc.assert(
      fc.property(prefixes, prefixes, (a, b) => {
        expect(prefixCovers(a, b)).toBe(prefixesOverlap(a, b) && a.length <= b.length);
        expect(prefixHas(a, a.ip)).toBe(true);
      }),
    );
    expect(prefixSize(mustPrefix('10.0.0.0/26'))).toBe(64);
  });
});

describe('PrefixTrie', () => {
  it('equals a list that is searched whole, after any inserts and deletes', () => {
    const small = fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 8 }), fc.boolean())
      .map(([top, length, six]) =>
        prefix(six ? mustIp(`${(top << 8).toString(16)}::`) : mustIp(`${top}.0.0.0`), length),
      );
    fc.assert(
      fc.property(fc.array(fc.tuple(small, fc.boolean())), fc.integer({ min: 0, max: 255 }), (steps, top) => {
        const trie = new PrefixTrie<string>();
        const list = new Map<string, Prefix>();
        for (const [p, add] of steps) {
          const key = formatPrefix(p);
          if (add) {
            trie.set(p, key);
            list.set(key, p);
          } else expect(trie.delete(p)).toBe(list.delete(key));
        }
        expect(trie.size).toBe(list.size);
        expect([...trie.entries()].map(([, v]) => v).sort()).toEqual([...list.keys()].sort());
        const ip = mustIp(`${top}.0.0.0`);
        const naive = [...list.values()].filter(p => prefixHas(p, ip)).sort((a, b) => b.length - a.length)[0];
        expect(trie.longest(ip)?.prefix).toEqual(naive);
      }),
    );
  });
});

describe('PortSet', () => {
  it('holds exactly the ports of its ranges, in ranges that do not touch', () => {
    const range = fc
      .tuple(fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 0, max: 300 }))
      .map(([first, n]) => ({ first, last: Math.min(65535, first + n) }));
    fc.assert(
      fc.property(fc.array(range), fc.integer({ min: 0, max: 65535 }), (ranges, port) => {
        const set = portSet(ranges);
        const inside = ranges.some(r => port >= r.first && port <= r.last);
        expect(portSetHas(set, port)).toBe(inside);
        for (let i = 1; i < set.length; i++) expect(set[i]!.first).toBeGreaterThan(set[i - 1]!.last + 1);
      }),
    );
  });
});
