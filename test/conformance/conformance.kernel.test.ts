import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeNamespaces } from './place.ts';
import { PROBES } from './probes/index.ts';
import { type Examination, examine } from './run.ts';
import { OURS } from './subjects.ts';

let examination: Examination;
beforeAll(async () => {
  examination = await examine(OURS);
});
afterAll(removeNamespaces);

describe('our speaker on the wire', () => {
  test.each(PROBES.map((probe, number) => [`${probe.rfc}: ${probe.says}`, probe, number] as const))(
    '%s',
    (_name, probe, number) => {
      expect(probe.expect).toContain(examination.observed.get(number) ?? 'it was never reached');
    },
  );

  test('no hostile session takes another one down', () => {
    expect(examination.lostGuests).toBe('');
  });
});
