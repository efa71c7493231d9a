import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EnforcedSince } from '../src/enforced-since.ts';
import { enforcedStatus, PolicyReporter, type ReadBack } from '../src/policy-report.ts';
import { coreOf, NAMESPACE, object, podObject, policyObject } from './cluster-facts.ts';

const core = coreOf([
  object(NAMESPACE),
  object(podObject('db', 'u1', ['10.0.0.1'])),
  object(podObject('web', 'u2', ['10.0.0.2'])),
  object(policyObject('db', 'db', 'web')),
]);

function since(version: string, enforcedAt: number): EnforcedSince {
  const known = new EnforcedSince(() => 1_000);
  const metadata = { name: 'db', namespace: 'shop', uid: 'p1', resourceVersion: version, generation: 3 };
  known.saw('NetworkPolicy', { metadata } as never, 'knp/shop/db', false);
  known.saw('Pod', { metadata: { resourceVersion: '99' } } as never, undefined, false);
  known.enforced(known.mark(), enforcedAt);
  return known;
}

const readBack = (version = '7'): ReadBack => ({
  inForce: since(version, 1_250).inForce,
  state: core.desired().state,
  at: 2_000,
});

test('a node tells of policies that select its pods, its pods, and how far it has come with each kind of policy', () => {
  expect(enforcedStatus(readBack(), {})).toMatchObject({
    policies: [
      {
        ...{ policy: 'knp/shop/db', uid: 'p1', generation: 3, resourceVersion: '7', pods: 1 },
        ...{ seenAt: '1970-01-01T00:00:01.000Z', enforcedAt: '1970-01-01T00:00:01.250Z' },
      },
    ],
    appliedThrough: [{ kind: 'NetworkPolicy', resourceVersion: '7' }],
    pods: ['shop/db', 'shop/web'],
    readBackAt: '1970-01-01T00:00:02.000Z',
    conditions: [{ type: 'Enforced', status: 'True' }],
  });
});

describe('the reporter', () => {
  const writes: { readonly subresource: string | undefined; readonly body: Record<string, unknown> }[] = [];
  let answer: () => Promise<ReadBack | string>;
  let fails = false;
  const client = {
    patch: (_: unknown, __: unknown, { body }: { body: unknown }, options: { subresource?: string }) => {
      writes.push({ subresource: options.subresource, body: body as Record<string, unknown> });
      const fault = { code: 'Unavailable', message: 'away' };
      return Promise.resolve(fails ? { ok: false, fault } : { ok: true, value: {} });
    },
  };
  const made: PolicyReporter[] = [];
  const reporter = () => {
    const one = new PolicyReporter({
      client: client as never,
      node: 'n1',
      readBack: () => answer(),
      log: () => {},
    });
    made.push(one);
    return one;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    writes.length = 0;
    fails = false;
    answer = () => Promise.resolve(readBack());
  });
  afterEach(() => {
    for (const one of made.splice(0)) one.stop();
    vi.useRealTimers();
  });

  test('makes the object, then writes its status; a thousand changes in a second are one more write', async () => {
    const one = reporter();
    one.poke();
    await vi.advanceTimersByTimeAsync(10);
    expect(writes.map(({ subresource }) => subresource)).toEqual([undefined, 'status']);
    let version = 8;
    answer = () => Promise.resolve(readBack(String(version)));
    for (; version < 1_008; version++) {
      one.poke();
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(writes.length).toBeLessThanOrEqual(4);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(writes.at(-1)?.body['status']).toMatchObject({ policies: [{ resourceVersion: '1008' }] });
    expect(writes.length).toBeLessThanOrEqual(5);
  });

  test('writes nothing when nothing changed, but now and then, so that a dead agent shows', async () => {
    const one = reporter();
    one.poke();
    await vi.advanceTimersByTimeAsync(10);
    for (let i = 0; i < 20; i++) {
      one.poke();
      await vi.advanceTimersByTimeAsync(1_500);
    }
    expect(writes).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(writes).toHaveLength(3);
  });

  test('a kernel that lacks something is told as such, and what was said before is not moved on', async () => {
    const one = reporter();
    one.poke();
    await vi.advanceTimersByTimeAsync(10);
    answer = () => Promise.resolve('the kernel refused set 4');
    one.poke();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(writes.at(-1)?.body['status']).toMatchObject({
      policies: [{ resourceVersion: '7' }],
      conditions: [{ status: 'False', message: 'the kernel refused set 4' }],
    });
  });

  test('an API server that is away gets it later', async () => {
    fails = true;
    reporter().poke();
    await vi.advanceTimersByTimeAsync(10);
    fails = false;
    await vi.advanceTimersByTimeAsync(2_100);
    expect(writes.at(-1)?.subresource).toBe('status');
  });
});
