import type { AnyObject, KubeClient } from '@muslin/kube';
import { fail, ok } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { answerOf, pageOf } from '../src/core/question.ts';
import { QuestionAnswers } from '../src/question-answers.ts';

const rows = (count: number, size: number) =>
  Array.from({ length: count }, (_, i) => ({
    prefix: `10.0.${i >> 1}.0/24`,
    pathId: i,
    filler: 'x'.repeat(size),
  }));

describe('an answer', () => {
  test('is the whole list when it is short', () => {
    const list = rows(6, 10);
    expect(answerOf({ kind: 'json', value: list })).toEqual({ answer: JSON.stringify(list) });
  });

  test('is as much as fits, whole prefixes only, and says after which one it goes on', () => {
    const list = rows(40, 10_001);
    const { answer = '', more } = answerOf({ kind: 'json', value: list });
    expect(answer.length).toBeLessThan(262_145);
    const told = JSON.parse(answer) as typeof list;
    expect(told).toEqual(list.slice(0, told.length));
    expect(told.length % 2).toBe(0);
    expect(told.length).toBeGreaterThan(20);
    expect(more).toBe(told.at(-1)?.prefix);
  });

  test('that can never fit is a mistake in words, and so is a bad question', () => {
    expect(answerOf({ kind: 'json', value: rows(2, 300_000) })).toEqual({
      mistake: 'the answer is too long: ask on the node',
    });
    expect(answerOf({ kind: 'json', value: { a: 'x'.repeat(300_000) } })).toHaveProperty('mistake');
    expect(answerOf({ kind: 'mistake', message: 'no such peer' })).toEqual({ mistake: 'no such peer' });
  });

  test('comes from a page that is bounded', () => {
    const { path, query } = pageOf({ about: 'Received', peer: 'fe80::1%eth0', after: '10.0.0.0/8' });
    expect(path).toBe('/v1/received');
    expect(Object.fromEntries(query)).toEqual({ most: '2000', peer: 'fe80::1%eth0', after: '10.0.0.0/8' });
    expect(pageOf({ about: 'constructor' } as never).path).toBe('');
  });
});

describe('the speaker', () => {
  const question = (generation: number, more: object = {}): AnyObject =>
    ({ metadata: { name: 'n1', uid: 'u', generation }, spec: { about: 'Routes' }, ...more }) as AnyObject;

  function answering(refuse = false) {
    const writes: { readonly name: string; readonly body: { readonly status: object } }[] = [];
    const patch = async (_: unknown, { name }: { name: string }, { body }: { body: { status: object } }) => {
      writes.push({ name, body });
      return refuse ? fail({ code: 'Unreachable', message: 'gone' }) : ok({});
    };
    const log: string[] = [];
    const made = new QuestionAnswers({
      client: { patch } as unknown as Pick<KubeClient, 'patch'>,
      node: 'n1',
      pages: { '/v1/routes': () => ({ kind: 'json', value: [] }) },
      log: line => log.push(line),
    });
    return { made, writes, log };
  }
  const turn = () => new Promise(resolve => setImmediate(resolve));

  test('answers each form of its question once, and nobody else’s', async () => {
    const { made, writes } = answering();
    made.set(question(1), false);
    made.set(question(1), false);
    made.set({ ...question(1), metadata: { name: 'n2', uid: 'v', generation: 1 } }, false);
    await turn();
    made.set(question(1, { status: { observedGeneration: 1 } }), false);
    made.set(question(2, { status: { observedGeneration: 1 } }), false);
    await turn();
    expect(writes.map(({ name, body }) => [name, body])).toMatchObject([
      ['n1', { metadata: { uid: 'u' }, status: { answer: '[]', observedGeneration: 1 } }],
      ['n1', { metadata: { uid: 'u' }, status: { answer: '[]', observedGeneration: 2 } }],
    ]);
  });

  test('does not answer again what was answered before it started, nor what is gone', async () => {
    const { made, writes } = answering();
    made.set(question(3, { status: { observedGeneration: 3 } }), false);
    made.set(question(3), true);
    await turn();
    expect(writes).toEqual([]);
  });

  test('says so when it does not know what is asked, and when it can’t write', async () => {
    const { made, writes, log } = answering(true);
    made.set(question(1, { spec: { about: 'Weather' } }), false);
    await turn();
    expect(writes[0]?.body.status).toMatchObject({
      answer: null,
      mistake: expect.stringContaining('not know'),
    });
    expect(log).toEqual(["BGPQuestion n1 can't be answered: gone"]);
  });
});
