import type { Context } from '../context.ts';
import { numberAt, textAt } from '../files/json.ts';
import { agentSocket } from '../node/agent-socket.ts';
import { askAgent } from '../node/ask-agent.ts';
import { writeData } from '../output/data.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';

const COLUMNS: readonly Column<unknown>[] = [
  { head: 'POLICY', cell: row => policyOf(row) },
  { head: 'RULE', cell: row => textAt(row, 'rule') || '-' },
  { head: 'DIRECTION', cell: row => textAt(row, 'direction') ?? '-' },
  { head: 'ACTION', cell: row => textAt(row, 'action') ?? '-' },
  { head: 'PACKETS', cell: row => `${numberAt(row, 'packets') ?? 0}` },
  { head: 'BYTES', cell: row => `${numberAt(row, 'bytes') ?? 0}` },
];

export async function showPolicyCounters(ctx: Context, input: Input): Promise<ExitCode> {
  const socket = input.text('socket') ?? agentSocket(ctx);
  const answer = await askAgent(socket, '/v1/policy-counters', 'policy counters -A');
  if (!answer.ok) return ctx.fail(1, answer.fault);
  const home = input.text('namespace') ?? 'default';
  const here = (Array.isArray(answer.value) ? answer.value : []).filter(row => {
    const namespace = textAt(row, 'namespace');
    return input.flag('allNamespaces') || namespace === undefined || namespace === home;
  });
  const rows = here.filter(row => input.args.length === 0 || input.args.includes(textAt(row, 'name') ?? ''));
  const form = input.text('output');
  if (form === 'json' || form === 'yaml') await writeData(ctx, form, rows);
  else if (rows.length > 0) ctx.stdout(formatTable(rows, COLUMNS));
  else ctx.stderr('No packet has met a rule here; -A shows all namespaces.\n');
  const missing = input.args.filter(name => !rows.some(row => textAt(row, 'name') === name));
  if (missing.length === 0) return 0;
  return ctx.fail(1, ...missing.map(name => `no packet has met a rule of policy ${name} on this node`));
}

function policyOf(row: unknown): string {
  const [kind, namespace, name] = ['kind', 'namespace', 'name'].map(key => textAt(row, key));
  return `${kind ?? ''} ${namespace === undefined ? '' : `${namespace}/`}${name ?? ''}`.trim();
}
