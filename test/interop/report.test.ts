import { expect, test } from 'vitest';
import type { Feature } from './features/feature.ts';
import { PEERS } from './peers/peers.ts';
import { page } from './report.ts';
import type { CellResult, Outcome } from './run-cells.ts';

const feature = (name: string): Feature => ({ name, shows: `what ${name} shows`, run: async () => {} });

function table(...outcomes: readonly (readonly Outcome[])[]): string {
  const results = outcomes.flatMap((row, i) =>
    row.map((outcome, j): CellResult => ({ feature: feature(`f${i}`), peer: PEERS[j] as never, outcome })),
  );
  return page(['A 1', 'B 2'], results, 2);
}

const green: Outcome = { kind: 'green', seconds: 1 };
const lacking = (reason: string): Outcome => ({ kind: 'lacking', reason });

test('a reason that two cells share has one number', () => {
  const text = table([green, lacking('no such thing')], [lacking('no such thing'), lacking('another')]);
  expect(text).toContain('| f0 | green | not supported by peer (1) |');
  expect(text).toContain('| f1 | not supported by peer (1) | not supported by peer (2) |');
  expect(text).toContain('1. no such thing.\n2. another.\n');
  expect(text).not.toContain('## Red');
});

test('a red cell is named with its reason', () => {
  const text = table([green, { kind: 'red', reason: 'nothing came\nmore words', seconds: 2 }]);
  expect(text).toContain('| f0 | green | **red** |');
  expect(text).toMatch(/## Red\n\n- FRR, f0: nothing came\n$/);
});
