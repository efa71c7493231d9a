import { request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { fail, ok, type Result } from '@muslin/net';
import type { Context } from '../context.ts';
import { listAt, numberAt, textAt } from '../files/json.ts';
import type { ExitCode, Input } from '../verb.ts';
import { flowText } from './flow-text.ts';

const SOCKET = '/run/muslin/agent.sock';
const EVERY_MS = 500;
/** Longest answer that is taken from an agent. */
const MOST_BYTES = 64 << 20;

/** What of the flows a person wants to see. */
interface Wanted {
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
  readonly verdict: string | undefined;
}

export async function showFlows(ctx: Context, input: Input): Promise<ExitCode> {
  const socket = input.text('socket') ?? SOCKET;
  const verdict = input.text('verdict');
  const wanted: Wanted = { namespace: input.text('namespace'), pod: input.text('pod'), verdict };
  const json = input.text('output') === 'json';
  let from: number | undefined;
  for (;;) {
    const query = new URLSearchParams({ allowed: String(verdict !== 'deny') });
    if (from !== undefined) query.set('from', String(from));
    const page = await ask(socket, `/v1/flows?${query}`);
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

/** One question to the agent of this node. */
function ask(socketPath: string, path: string): Promise<Result<unknown, string>> {
  const away = (why: string) =>
    fail(
      `the agent does not answer at ${socketPath} (${why}). Flows are told on their node, as root: ` +
        'kubectl exec -n NAMESPACE POD-OF-MUSLIN-NODE -c agent -- muslinctl flows -f',
    );
  return new Promise(resolve => {
    const asked = request({ socketPath, path, timeout: 10_000 }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) asked.destroy(new Error('its answer is too long'));
      });
      response.on('end', () => {
        if (response.statusCode !== 200)
          return resolve(away(`HTTP ${response.statusCode}: is it an older one?`));
        try {
          resolve(ok(JSON.parse(text)));
        } catch {
          resolve(away('its answer is no JSON'));
        }
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('10 seconds are over')));
    asked.on('error', error => resolve(away(error.message)));
    asked.end();
  });
}
