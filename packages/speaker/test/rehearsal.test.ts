import { expect, test } from 'vitest';
import { rehearse } from '../src/rehearsal.ts';

test('a rehearsal relays what it makes up, the same each time', () => {
  const relayed = rehearse();
  expect(relayed).toBeGreaterThan(300_000);
  expect(rehearse()).toBe(relayed);
});
