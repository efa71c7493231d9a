import { Cell } from './cell.ts';
import type { Feature } from './features/feature.ts';
import type { PeerRow } from './peers/peer-row.ts';

/** How a cell of the table came out. */
export type Outcome =
  | { readonly kind: 'green'; readonly seconds: number }
  | { readonly kind: 'red'; readonly reason: string; readonly seconds: number }
  | { readonly kind: 'lacking'; readonly reason: string };

export interface CellResult {
  readonly feature: Feature;
  readonly peer: PeerRow;
  readonly outcome: Outcome;
}

/** Tries a feature with a peer that is not said to lack it. Whatever was started is gone when it returns. */
export async function tryCell(feature: Feature, peer: PeerRow): Promise<Outcome> {
  const reason = feature.lacks?.[peer.name];
  return reason === undefined ? tryAnyway(feature, peer) : { kind: 'lacking', reason };
}

/** Tries a feature with a peer that is said to lack it: red when it works after all. */
export async function tryLacking(feature: Feature, peer: PeerRow): Promise<Outcome> {
  const outcome = await tryAnyway(feature, peer);
  const reason = feature.lacks?.[peer.name] ?? 'nobody said that it lacks this';
  return outcome.kind === 'green'
    ? { ...outcome, kind: 'red', reason: `works after all, in spite of “${reason}”` }
    : { kind: 'lacking', reason };
}

async function tryAnyway(feature: Feature, peer: PeerRow): Promise<Outcome> {
  const begun: Cell[] = [];
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 100) / 10;
  try {
    await feature.run(async setup => {
      for (const cell of begun.splice(0)) await cell.stop();
      const cell = await Cell.begin(peer, setup);
      begun.push(cell);
      return cell;
    }, peer.name);
    return { kind: 'green', seconds: seconds() };
  } catch (error) {
    const words = process.env['INTEROP_WORDS'] ? await Promise.all(begun.map(lastWords)) : [];
    return { kind: 'red', reason: [(error as Error).message, ...words].join('\n'), seconds: seconds() };
  } finally {
    for (const cell of begun) await cell.stop();
  }
}

/** What both sides said, for somebody who looks for the reason. */
async function lastWords(cell: Cell): Promise<string> {
  const theirs = await cell.theirs.words().catch(String);
  const ours = await cell.ours.log().catch(String);
  return `--- theirs\n${theirs}\n--- ours\n${ours}\n---`;
}

/** Tries all cells, some at the same time; results come in the order of the table. */
export async function runCells(
  cells: readonly (readonly [Feature, PeerRow])[],
  atOnce: number,
  told: (result: CellResult, done: number) => void,
  attempt: typeof tryCell = tryCell,
): Promise<CellResult[]> {
  const results: CellResult[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < cells.length; i = next++) {
      const [feature, peer] = cells[i] as (typeof cells)[number];
      const result = { feature, peer, outcome: await attempt(feature, peer) };
      results[i] = result;
      told(result, ++done);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
