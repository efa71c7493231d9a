import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  callText,
  type JournalEntry,
  JournalReader,
  type Output,
  Replay,
  type ReplayStep,
  type SpeakerCall,
} from '@muslin/bgp';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { writeData } from '../output/data.ts';
import { printable } from '../output/paint.ts';
import type { ExitCode, Input } from '../verb.ts';

interface Journal {
  readonly entries: readonly JournalEntry[];
  /** Octets at the end that are no whole entry: a crash cut it off. */
  readonly cutOff: number;
}

/** `bgp replay`: does the calls of a journal again, and tells the first one that has another outcome. */
export async function replay(ctx: Context, input: Input): Promise<ExitCode> {
  const journal = readJournal(input.args);
  if (!journal.ok) return ctx.fail(2, journal.fault);
  const { entries, cutOff } = journal.value;
  const machine = new Replay();
  const counts = { same: 0, differs: 0, skipped: 0 };
  let first: { readonly number: number; readonly step: ReplayStep } | undefined;
  entries.forEach((entry, i) => {
    const step = machine.step(entry);
    counts[step.result]++;
    if (input.flag('show')) ctx.stdout(`${printable(lineOf(i + 1, step))}\n`);
    if (step.result === 'differs') first ??= { number: i + 1, step };
  });
  const form = input.text('output');
  if (form === 'json' || form === 'yaml')
    await writeData(ctx, form, { calls: entries.length, ...counts, cutOff, firstDifference: first?.number });
  else tell(ctx, counts, cutOff, first);
  return counts.differs === 0 ? 0 : 1;
}

function tell(
  ctx: Context,
  counts: Readonly<Record<ReplayStep['result'], number>>,
  cutOff: number,
  first: { readonly number: number; readonly step: ReplayStep } | undefined,
): void {
  const { same, differs, skipped } = counts;
  if (skipped > 0)
    ctx.stderr(
      `warning: ${skipped} calls are from before the first beginning of a speaker in this journal, and can't be done again\n`,
    );
  if (cutOff > 0) ctx.stderr(`warning: the last ${cutOff} octets are no whole entry\n`);
  if (first === undefined) ctx.stdout(`${same} calls have the same outcome, octet for octet.\n`);
  else
    ctx.stdout(
      printable(
        `${differs} of ${same + differs} calls have another outcome; the first is call ${lineOf(first.number, first.step)}`,
      ).concat('\n'),
    );
}

function lineOf(number: number, { entry, outputs, result }: ReplayStep): string {
  const at = timeOf(entry.call);
  const did = outputs.map(outputText).filter(text => text !== '');
  const mark = result === 'same' ? '' : ` [${result}]`;
  return `${number}${at === undefined ? '' : ` at ${(at / 1000).toFixed(3)} s`}${mark} ${callText(entry.call)}${did.length === 0 ? '' : ` → ${did.join(', ')}`}`;
}

function timeOf(call: SpeakerCall): number | undefined {
  return 'now' in call ? call.now : undefined;
}

function outputText(output: Output): string {
  switch (output.kind) {
    case 'send':
      return `${output.connection} is sent ${output.bytes.length} octets`;
    case 'dial':
      return `${output.connection} calls`;
    case 'close':
      return `${output.connection} is closed`;
    case 'peerChanged':
      return `${output.peer} is ${output.state}${output.reason === undefined ? '' : ` (${output.reason})`}`;
    case 'bestChanged':
      return `a best route is now ${output.source}`;
    case 'converged':
      return `${output.family} has converged`;
    case 'setTimer':
    case 'clearTimer':
      return '';
    default:
      return output satisfies never;
  }
}

function readJournal(paths: readonly string[]): Result<Journal, string> {
  const reader = new JournalReader();
  const entries: JournalEntry[] = [];
  let fault: string | undefined;
  try {
    for (const file of paths.flatMap(filesOf)) {
      reader.push(readFileSync(file));
      for (let next = reader.next(); next !== undefined && fault === undefined; next = reader.next())
        if (next.ok) entries.push(next.value);
        else fault = `${file}: ${next.fault.message}`;
    }
  } catch (error) {
    return fail((error as Error).message);
  }
  if (fault !== undefined) return fail(fault);
  if (entries.length === 0) return fail(`there is no journal in ${paths.join(', ')}`);
  return ok({ entries, cutOff: reader.left });
}

/** A folder stands for the files of its journal, oldest first: their names sort by time. */
function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter(name => name.endsWith('.journal'))
    .toSorted()
    .map(name => join(path, name));
}
