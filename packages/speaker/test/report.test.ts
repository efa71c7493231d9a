import type { KubeClient } from '@muslin/kube';
import { fail, ok } from '@muslin/net';
import { describe, expect, test, vi } from 'vitest';
import { NodeAnswers } from '../src/node-answers.ts';
import { Reporter } from '../src/report.ts';

type Call = { readonly body: { status?: Record<string, unknown> }; readonly subresource: string | undefined };

/** Takes patches, and refuses as many as it is told to. */
function fakeClient(refusals: readonly string[] = [], delayMs = 0) {
  const calls: Call[] = [];
  const left = [...refusals];
  let open = 0;
  let most = 0;
  const patch = async (_: unknown, __: unknown, { body }: Call, how: Call) => {
    most = Math.max(most, ++open);
    await new Promise(resolve => setTimeout(resolve, delayMs));
    open--;
    calls.push({ body, subresource: how.subresource });
    const code = left.shift();
    return code === undefined || code === '' ? ok({}) : fail({ code, message: `refused: ${code}` });
  };
  const told = () =>
    calls.filter(call => call.subresource === 'status').map(({ body }) => body.status?.['n']);
  return { client: { patch } as unknown as Pick<KubeClient, 'patch'>, calls, told, most: () => most };
}

const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

describe('the status', () => {
  const reporter = (fake: ReturnType<typeof fakeClient>, status: () => object, more: object = {}) => {
    const log: string[] = [];
    const options = { client: fake.client, node: 'n1', status, log: (line: string) => log.push(line) };
    return { log, made: new Reporter({ ...options, everyMs: 20, retryMs: 20, ...more }) };
  };

  test('is written once for many changes, with its object first and the time of writing', async () => {
    const fake = fakeClient();
    let n = 0;
    const { made } = reporter(fake, () => ({ n }));
    for (let i = 0; i < 50; i++) {
      n = i;
      made.poke();
    }
    await vi.waitFor(() => expect(fake.told()).toEqual([49]), 10_000);
    expect(fake.calls.map(call => call.subresource)).toEqual([undefined, 'status']);
    expect(fake.calls[1]?.body.status).toHaveProperty('lastUpdated');
  });

  test('that is the same is not written again, unless the last time is long ago', async () => {
    const fake = fakeClient();
    const { made } = reporter(fake, () => ({ n: 1 }), { refreshMs: 1000 });
    made.poke();
    await vi.waitFor(() => expect(fake.told()).toEqual([1]), 10_000);
    made.poke();
    await wait(40);
    expect(fake.told()).toEqual([1]);
    await wait(1000);
    made.poke();
    await vi.waitFor(() => expect(fake.told()).toEqual([1, 1]), 10_000);
  });

  test('is tried again and again until it is there, and then is the newest', async () => {
    const fake = fakeClient(['Unreachable', 'Forbidden', '', 'Unreachable']);
    let n = 1;
    const { made, log } = reporter(fake, () => ({ n }));
    made.poke();
    await vi.waitFor(() => expect(log).not.toEqual([]), 10_000);
    n = 2;
    await vi.waitFor(() => expect(fake.told().at(-1)).toBe(2), 10_000);
    expect(log[0]).toContain('refused: Unreachable');
  });

  test('is never written twice at a time: a change meanwhile is written after', async () => {
    const fake = fakeClient([], 30);
    let n = 1;
    const { made } = reporter(fake, () => ({ n }), { everyMs: 5 });
    made.poke();
    await wait(50);
    n = 2;
    made.poke();
    await wait(150);
    expect(fake.told()).toEqual([1, 2]);
    expect(fake.most()).toBe(1);
  });

  test('gets its object back when somebody deleted that', async () => {
    const fake = fakeClient(['', '', 'NotFound']);
    let n = 1;
    const { made } = reporter(fake, () => ({ n }));
    made.poke();
    await vi.waitFor(() => expect(fake.told()).toEqual([1]), 10_000);
    n = 2;
    made.poke();
    await vi.waitFor(
      () =>
        expect(fake.calls.map(call => call.subresource)).toEqual([
          ...[undefined, 'status'],
          ...['status', undefined, 'status'],
        ]),
      10_000,
    );
  });

  test('is not written any more after stop', async () => {
    const fake = fakeClient();
    const { made } = reporter(fake, () => ({ n: 1 }));
    made.poke();
    made.stop();
    made.poke();
    await wait(50);
    expect(fake.calls).toEqual([]);
  });
});

describe('a CalicoNodeStatus', () => {
  const ask = (name: string, spec: object) => ({ kind: 'CalicoNodeStatus', metadata: { name }, spec });
  const answers = (fake: ReturnType<typeof fakeClient>) =>
    new NodeAnswers({
      client: fake.client,
      node: 'n1',
      answer: async classes => ({ agent: { birdV4: { version: classes.join('+') } } }),
      log: () => {},
      secondMs: 10,
    });

  test('about this node is answered once with period 0; what was not asked for is cleared', async () => {
    const fake = fakeClient();
    const made = answers(fake);
    made.set(ask('q', { node: 'n1', classes: ['Agent', 'BGP'], updatePeriodSeconds: 0 }), false);
    await wait(60);
    expect(fake.calls).toHaveLength(1);
    expect(fake.calls[0]?.body.status).toMatchObject({
      agent: { birdV4: { version: 'Agent+BGP' } },
      bgp: null,
      routes: null,
      lastUpdated: expect.stringMatching(/Z$/),
    });
    made.stop();
  });

  test('about another node is left to that', async () => {
    const fake = fakeClient();
    const made = answers(fake);
    made.set(ask('q', { node: 'n2', classes: ['Agent'], updatePeriodSeconds: 1 }), false);
    await wait(30);
    expect(fake.calls).toEqual([]);
  });

  test('is answered every period until it goes; our own answer is no new question', async () => {
    const fake = fakeClient();
    const made = answers(fake);
    const question = ask('q', { node: 'n1', classes: ['Agent'], updatePeriodSeconds: 2 });
    made.set(question, false);
    await wait(30);
    made.set({ ...question, status: { lastUpdated: 'now' } } as typeof question, false);
    await wait(50);
    const seen = fake.calls.length;
    expect(seen).toBeGreaterThanOrEqual(3);
    expect(seen).toBeLessThanOrEqual(6);
    made.set(question, true);
    await wait(50);
    expect(fake.calls.length).toBe(seen);
  });

  test('whose classes change is answered at once', async () => {
    const fake = fakeClient();
    const made = answers(fake);
    made.set(ask('q', { node: 'n1', classes: ['Agent'], updatePeriodSeconds: 0 }), false);
    await wait(10);
    made.set(ask('q', { node: 'n1', classes: ['BGP'], updatePeriodSeconds: 0 }), false);
    await wait(10);
    expect(fake.calls).toHaveLength(2);
    made.stop();
  });

  test('that could not be answered is tried again, even when asked once', async () => {
    const fake = fakeClient(['Unreachable']);
    const made = answers(fake);
    made.set(ask('q', { node: 'n1', classes: ['Agent'], updatePeriodSeconds: 0 }), false);
    await wait(150);
    expect(fake.calls).toHaveLength(2);
    made.stop();
  });
});
