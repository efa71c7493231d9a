import { setTimeout } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { listAt, numberAt, textAt } from '../files/json.ts';
import type { ExitCode, Input } from '../verb.ts';
import { askAgent } from '../node/ask-agent.ts';
import { agentSocket } from '../node/agent-socket.ts';
import { flowText } from './flow-text.ts';

const EVERY_MS = 500;

/** What of the flows a person wants to see. */
interface Wanted {
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
  readonly verdict: string | undefined;
}

export async function showFlows(ctx: Context, input: Input): Promise<ExitCode> {
  const socket = input.text('socket') ?? agentSocket(ctx);
  const verdict = input.text('verdict');
  const wanted: Wanted = { namespace: input.text('namespace'), pod: input.text('pod'), verdict };
  const json = input.text('output') === 'json';
  let from: number | undefined;
  for (;;) {
    const query = new URLSearchParams({ allowed: String(verdict !== 'deny') });
    if (from !== undefined) query.set('from', String(from));
    const page = await askAgent(socket, `/v1/flows?${query}`, 'flows -f');
    if (!page.ok) return ctx.fail(1, page.fault);
    const lost = numberAt(page.value, 'lost') ?? 0;
    if (lost > 0 && from !== undefined) ctx.stderr(`${lost} flows came faster than they could be shown\n`);
    for (const record of listAt(page.value, 'records'))
      if (isWanted(record, wanted))
        ctx.stdout(`${json ? JSON.stringify(record) : flowText(record, ctx.paint)}\n`);
    from = numberAt(page.value, 'next');
    if (!input.flag('follow')) return 0;
    await setTimeout(EVERY_MS);
  }
}

function isWanted(record: unknown, { namespace, pod, verdict }: Wanted): boolean {
  if (verdict !== undefined && textAt(record, 'verdict') !== verdict) return false;
  const pods = [textAt(record, 'source', 'pod'), textAt(record, 'destination', 'pod')].filter(
    one => one !== undefined,
  );
  if (namespace !== undefined && !pods.some(one => one.startsWith(`${namespace}/`))) return false;
  return pod === undefined || pods.some(one => one === pod || one.endsWith(`/${pod}`));
}
