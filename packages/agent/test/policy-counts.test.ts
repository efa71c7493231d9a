import type { NodeState } from '@muslin/api';
import type { Subject, Total } from '@muslin/dataplane';
import { expect, it } from 'vitest';
import { agentMetrics } from '../src/metrics.ts';
import { PolicyCounts } from '../src/policy-counts.ts';

const rule = (name: string): Subject => ({
  ...{ kind: 'rule', policy: `knp/shop/${name}` as never, path: 'spec.ingress[0]' },
  ...{ direction: 'ingress', action: 'Allow' },
});
const policies = (...names: readonly string[]) =>
  new Map(
    names.map(name => [
      `knp/shop/${name}`,
      { staged: false, source: { kind: 'NetworkPolicy', namespace: 'shop', name } },
    ]),
  );

function stand(names: readonly string[]) {
  const metrics = agentMetrics();
  let now = 0;
  let totals: readonly Total[] = [];
  let state = { policies: policies(...names) } as unknown as NodeState;
  const read = (isThere: (subject: Subject) => boolean) => totals.filter(({ subject }) => isThere(subject));
  const counts = new PolicyCounts({ read, state: () => state, metrics, now: () => now });
  return {
    metrics,
    count(next: readonly (readonly [Subject, number])[], there = names) {
      totals = next.map(([subject, packets]) => ({ subject, packets, bytes: packets * 60 }));
      state = { policies: policies(...there) } as unknown as NodeState;
      now += 1_000;
      return counts.read();
    },
    async series() {
      const text = await metrics.text();
      return text.split('\n').filter(line => line.startsWith('muslin_policy_rule_packets_total{'));
    },
  };
}

it('says in Prometheus what the kernel counted, under the names that people gave', async () => {
  const { count, series } = stand(['db']);
  count([[rule('db'), 4]]);
  const rows = count([
    [rule('db'), 9],
    [{ kind: 'end of tier', tier: 'default', direction: 'ingress' }, 2],
  ]);
  expect(await series()).toEqual([
    'muslin_policy_rule_packets_total{policy="NetworkPolicy shop/db",rule="spec.ingress[0]",direction="ingress",action="Allow"} 9',
    'muslin_policy_rule_packets_total{policy="Tier default",rule="",direction="ingress",action="Deny"} 2',
  ]);
  expect(rows.map(({ kind, name, packets, bytes }) => [kind, name, packets, bytes])).toEqual([
    ['Tier', 'default', 2, 120],
    ['NetworkPolicy', 'db', 9, 540],
  ]);
});

it('lets go of a policy that is deleted, and begins anew with it when it returns', async () => {
  const { count, series } = stand(['db', 'web']);
  count([
    [rule('db'), 4],
    [rule('web'), 5],
  ]);
  count([[rule('web'), 5]], ['web']);
  expect((await series()).map(line => line.includes('shop/db'))).toEqual([false]);
  count([
    [rule('web'), 6],
    [rule('db'), 1],
  ]);
  expect((await series()).map(line => line.replace(/.*shop.(\w+)".* /, '$1 '))).toEqual(['web 6', 'db 1']);
});

it('keeps the number of series bounded: the rest share one, which only grows', async () => {
  const names = Array.from({ length: 2_010 }, (_, i) => `p${i}`);
  const { count, series } = stand(names);
  count(names.map(name => [rule(name), 1]));
  expect(await series()).toHaveLength(2_001);
  count(names.map(name => [rule(name), 2]));
  expect((await series()).at(-1)).toMatch(/policy="others".* 20$/);
});
