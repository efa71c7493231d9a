import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, evaluate, IPTABLES_LIMITS, lookupOf, lower, NFT_LIMITS } from '../src/index.ts';
import { meaning } from './meaning.ts';
import { configOf, family, nodeState, packetIn } from './world.ts';

const HOOKS = ['FORWARD', 'INPUT', 'OUTPUT'] as const;

describe('compile', () => {
  it('means what the node state means, as written and after lowering for either back end', () => {
    const sample = fc
      .tuple(nodeState, family, fc.constantFrom('Accept', 'Drop', 'Return'))
      .chain(([state, f, action]) =>
        fc.tuple(
          fc.constant(state),
          fc.constant(configOf(f, action)),
          fc.array(
            fc.constantFrom(...HOOKS).chain(hook => packetIn(hook, f).map(packet => ({ hook, packet }))),
            { minLength: 20, maxLength: 20 },
          ),
        ),
      );
    const seen = { accept: 0, drop: 0, return: 0, masquerade: 0 };
    fc.assert(
      fc.property(sample, ([state, config, packets]) => {
        const rules = compile(state, config);
        const ways = [rules, lower(rules, IPTABLES_LIMITS), lower(rules, NFT_LIMITS)];
        for (const { hook, packet } of packets) {
          const expected = meaning(state, config, packet, hook);
          seen[expected]++;
          for (const way of ways) {
            const got = evaluate(way, lookupOf(way.sets, state.sets), packet, hook);
            expect(
              got.verdict,
              JSON.stringify({ packet, hook, trace: got.trace }, (_, v) => (v instanceof Map ? [...v] : v)),
            ).toBe(expected);
          }
        }
      }),
      { numRuns: 600 },
    );
    expect(Math.min(seen.accept, seen.drop, seen.return)).toBeGreaterThan(500);
  });
});
