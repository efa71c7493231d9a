import { expect, test } from 'vitest';
import { fuzz } from './fuzz-run.ts';

test('200,000 spoilt messages make nothing throw, nothing grow and nobody else fall', () => {
  const report = fuzz(200_000, 20_261, 16);
  expect(report.messages).toBe(200_000);
  expect(report.growth).toBeLessThan(4 << 20);
  // The mutations must reach all classes, or they prove little.
  for (const count of [report.clean, report.survived, report.reset]) expect(count).toBeGreaterThan(10_000);
  expect(report.spoken).toBe(12_500);
  expect(report.sessions).toBeGreaterThan(1000);
});
