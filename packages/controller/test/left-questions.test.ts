import { expect, test } from 'vitest';
import { LeftQuestions } from '../src/left-questions.ts';
import { FakeClient } from './fake-client.ts';

test('a question that nobody removes goes after two minutes without a change, and no other', async () => {
  const fake = new FakeClient();
  let now = 0;
  const questions = new LeftQuestions({ client: fake.client, log: () => {}, now: () => now });
  const names = () => fake.of('BGPQuestion').map(({ metadata }) => metadata.name);
  fake.put('BGPQuestion', 'n1');
  fake.put('BGPQuestion', 'n2');
  expect(await questions.reconcile()).toEqual({ againMs: 60_000 });
  now = 119_000;
  fake.put('BGPQuestion', 'n2', { about: 'Routes' });
  await questions.reconcile();
  expect(names()).toEqual(['n1', 'n2']);
  now = 120_000;
  await questions.reconcile();
  expect(names()).toEqual(['n2']);
  now = 240_000;
  await questions.reconcile();
  expect(names()).toEqual([]);
});
