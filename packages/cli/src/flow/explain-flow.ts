import { type Edit, flips, flipsTogether, Judge } from '@muslin/policy';
import type { Context } from '../context.ts';
import { warn } from '../output/complain.ts';
import { writeData } from '../output/data.ts';
import type { ExitCode, Input } from '../verb.ts';
import { openWorld } from '../world/open-world.ts';
import { ask, unknownEnd } from './ask.ts';
import { settleName } from './dns-name.ts';
import { formatNamedEnd, parseFlowEnd } from './flow-end.ts';
import { parseFlowTarget, targetPort } from './flow-target.ts';
import { whyData } from './why-data.ts';
import { whyText } from './why-text.ts';

export async function explainFlow(ctx: Context, input: Input): Promise<ExitCode> {
  const [fromText = '', toText = ''] = input.args;
  const opened = await openWorld(ctx, input);
  if (!opened.ok) return ctx.fail(2, ...opened.fault);
  const { world, namespace } = opened.value;
  const from = parseFlowEnd(fromText, namespace);
  if (!from.ok) return ctx.fail(2, `FROM: ${from.fault}`);
  const target = parseFlowTarget(toText, namespace);
  if (!target.ok) return ctx.fail(2, `TO: ${target.fault}`);
  warn(ctx, world);
  const { protocol } = target.value;
  const { snapshot } = world;
  const [source, to] = [settleName(from.value, snapshot), settleName(target.value.end, snapshot)];
  if (source.kind === 'service') return ctx.fail(2, 'FROM: a Service opens no connections; name a pod');
  const unknown = unknownEnd(source, snapshot) ?? unknownEnd(to, snapshot);
  if (unknown !== undefined) return ctx.fail(2, unknown);
  const port = targetPort({ ...target.value, end: to }, snapshot);
  if (!port.ok) return ctx.fail(2, `TO: ${port.fault}`);
  const named = { from: source, to, protocol, ...(port.value !== undefined && { port: port.value }) };
  const said = ask(new Judge(snapshot), snapshot, named);
  if (!said.ok) return ctx.fail(2, said.fault);
  const frame = {
    from: formatNamedEnd(source),
    to: formatNamedEnd(to),
    paint: ctx.paint,
    placeOf: world.placeOf,
  };
  const { flow } = said.value;
  const edits = advisable(flips(snapshot, flow));
  const advice = { edits, together: edits.length === 0 ? flipsTogether(snapshot, flow) : [] };
  const form = input.text('output');
  if (form === 'json' || form === 'yaml')
    await writeData(ctx, form, whyData(said.value, advice, frame, world));
  else ctx.stdout(whyText(said.value, advice, frame));
  return said.value.answer === 'allow' ? 0 : 1;
}

/**
 * What says the intent in a policy comes first. A label is the smaller edit, but changes who the pod is to every
 * policy; and a policy that is gone takes all of its rules along.
 */
function advisable(edits: readonly Edit[]): readonly Edit[] {
  const rank = ({ kind }: Edit) => (kind === 'change-label' ? 1 : kind === 'remove-policy' ? 2 : 0);
  return edits.toSorted((a, b) => rank(a) - rank(b));
}
