import { createReadStream, statSync } from 'node:fs';
import { Judge } from '@muslin/policy';
import type { Context } from '../context.ts';
import { textOf } from '../files/text-of.ts';
import { reasonOf } from '../files/walk.ts';
import { readWorld } from '../world/offline-world.ts';
import type { World } from '../world/world.ts';
import { warn } from '../output/complain.ts';
import type { ExitCode, Input } from '../verb.ts';
import { ask } from './ask.ts';
import { endAnswer } from './end-answer.ts';
import { parseFlowLine } from './flow-line.ts';
import { linesOf, MAX_LINE } from './lines.ts';
import { protocolName } from './protocol.ts';

/** Answers are gathered to about this many characters before they are written. */
const BATCH = 65_536;

export async function judgeFlows(ctx: Context, input: Input): Promise<ExitCode> {
  const flows = input.text('flows') ?? '-';
  const files = input.list('files');
  if (flows === '-' && files.includes('-'))
    return ctx.fail(2, 'standard input holds either the flows or the files, not both');
  const source = flows === '-' ? ctx.stdin() : openFile(flows);
  if (typeof source === 'string') return ctx.fail(2, `--flows ${flows}: ${source}`);
  const world = await readWorld(files, {
    podCidrs: input.list('podCidr'),
    skipBroken: input.flag('skipBroken'),
    ...(files.includes('-') && { stdin: await textOf(ctx.stdin()) }),
  });
  if (!world.ok) return ctx.fail(2, ...world.fault);
  warn(ctx, world.value);
  const answer = answerer(world.value);
  let failed = false;
  let batch = '';
  let number = 0;
  for await (const line of linesOf(source)) {
    number++;
    if (line.trim() === '') continue;
    const { text, error } = answer(line, number);
    failed ||= error;
    batch += text;
    if (batch.length < BATCH) continue;
    ctx.stdout(batch);
    batch = '';
  }
  ctx.stdout(batch);
  return failed ? 1 : 0;
}

function openFile(path: string): AsyncIterable<Uint8Array> | string {
  try {
    if (statSync(path).isDirectory()) return 'a folder, not a file of flows';
    return createReadStream(path, { highWaterMark: 262_144 });
  } catch (cause) {
    return reasonOf(cause);
  }
}

/** One line in, one line out; never throws for what a line may hold. */
function answerer(
  world: World,
): (line: string, number: number) => { readonly text: string; readonly error: boolean } {
  const judge = new Judge(world.snapshot);
  const text = (value: object) => `${JSON.stringify(value)}\n`;
  return (line, number) => {
    const flow =
      line.length > MAX_LINE
        ? {
            ok: false as const,
            fault: { from: null, to: null, message: `longer than ${MAX_LINE} characters` },
          }
        : parseFlowLine(line);
    if (!flow.ok) {
      const { from, to, message } = flow.fault;
      return { text: text({ from, to, verdict: 'error', error: `line ${number}: ${message}` }), error: true };
    }
    const { fromText, toText, port, protocol } = flow.value;
    const asked = { from: fromText, to: toText, port, protocol: protocolName(protocol) };
    const said = ask(judge, world.snapshot, flow.value);
    if (!said.ok)
      return {
        text: text({ ...asked, verdict: 'error', error: `line ${number}: ${said.fault}` }),
        error: true,
      };
    const { answer, paths, notes } = said.value;
    // Of a Service's backends, one that agrees with the whole answer stands for all.
    const path = paths.find(one => one.ready && one.answer === answer) ?? paths[0];
    if (path === undefined) {
      const reason = notes.some(note => note.code === 'no-backends')
        ? 'the Service has no backends'
        : 'there is no way';
      return { text: text({ ...asked, verdict: answer, reason }), error: false };
    }
    return {
      text: text({
        ...asked,
        verdict: answer,
        ingress: endAnswer(path.ingress, path.from, world),
        egress: endAnswer(path.egress, path.to, world),
        ...(path.crossings.length > 0 && {
          crossings: path.crossings.map(crossing => ({
            host: crossing.endpoint,
            direction: crossing.direction,
            ...endAnswer(crossing, { kind: 'external' }, world),
          })),
        }),
      }),
      error: false,
    };
  };
}
