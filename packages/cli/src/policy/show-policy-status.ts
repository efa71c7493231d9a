import type { Context } from '../context.ts';
import { formatRef } from '../flow/reason-text.ts';
import { connect } from '../live/connect.ts';
import { formatAge } from '../output/age.ts';
import { writeData } from '../output/data.ts';
import type { Paint } from '../output/paint.ts';
import { didYouMean } from '../output/suggest.ts';
import { type Column, formatTable } from '../output/table.ts';
import type { ExitCode, Input } from '../verb.ts';
import type { PolicyRow } from '@muslin/policy';
import { readPolicyRows } from './read-policy-rows.ts';

export async function showPolicyStatus(ctx: Context, input: Input): Promise<ExitCode> {
  const client = await connect(ctx, input);
  if (!client.ok) return ctx.fail(1, client.fault);
  try {
    const read = await readPolicyRows(client.value, ctx.now());
    if (!read.ok) return ctx.fail(1, read.fault);
    const home = input.text('namespace') ?? client.value.connection.namespace;
    const here = read.value.filter(
      ({ policy: { ref } }) =>
        input.flag('allNamespaces') || ref.namespace === undefined || ref.namespace === home,
    );
    const rows = here.filter(({ policy }) => input.args.length === 0 || input.args.includes(policy.ref.name));
    const known = here.map(({ policy }) => policy.ref.name);
    const missing = input.args.filter(name => !known.includes(name));
    const form = input.text('output');
    if (form === 'json' || form === 'yaml') await writeData(ctx, form, rows.map(rowData));
    else if (rows.length > 0)
      ctx.stdout(formatTable(rows, columns(ctx.now(), ctx.paint), { wide: form === 'wide' }));
    else if (missing.length === 0)
      ctx.stderr(
        input.flag('allNamespaces')
          ? 'There are no policies.\n'
          : `There are no policies in namespace ${home}; -A shows all.\n`,
      );
    const behind = new Set(rows.flatMap(row => row.behind.map(({ node, why }) => `node ${node}: ${why}`)));
    if (form !== 'json' && form !== 'yaml') for (const line of behind) ctx.stderr(`${line}\n`);
    if (missing.length > 0)
      return ctx.fail(
        1,
        ...missing.map(name => `there is no policy ${name} here.${didYouMean(name, known)}`),
      );
    return rows.every(({ state }) => state === 'Enforced' || state === 'Staged') ? 0 : 1;
  } finally {
    await client.value.close();
  }
}

function columns(now: Date, paint: Paint): readonly Column<PolicyRow>[] {
  return [
    { head: 'POLICY', cell: row => formatRef(row.policy.ref) },
    { head: 'GENERATION', cell: row => row.policy.generation ?? '-' },
    {
      head: 'STATE',
      cell: row => row.state,
      paint: (text, row) =>
        row.state === 'Enforced' ? paint.good(text) : row.state === 'Staged' ? text : paint.bad(text),
    },
    { head: 'NODES', cell: row => `${row.nodes.done}/${row.nodes.all}` },
    { head: 'PODS', cell: row => `${row.pods.done}/${row.pods.all}` },
    { head: 'AFTER', cell: row => (row.slowest === undefined ? '-' : `${row.slowest.afterMs} ms`) },
    { head: 'SLOWEST', wide: true, cell: row => row.slowest?.node ?? '-' },
    {
      head: 'SINCE',
      cell: row => (row.slowest === undefined ? '-' : formatAge(new Date(row.slowest.at).toISOString(), now)),
    },
    { head: 'WHY', cell: row => whyText(row) },
  ];
}

function whyText({ findings, behind }: PolicyRow): string {
  const [first, ...more] = findings;
  if (first !== undefined)
    return `${first.path === '' ? '' : `${first.path}: `}${first.message}${more.length === 0 ? '' : ` (and ${more.length} more)`}`;
  const [node] = behind;
  return node === undefined
    ? '-'
    : `${node.node} ${node.why}${behind.length === 1 ? '' : ` (and ${behind.length - 1} more)`}`;
}

function rowData({ policy, state, nodes, pods, slowest, behind, findings }: PolicyRow) {
  const { kind, namespace, name } = policy.ref;
  return {
    kind,
    ...(namespace !== undefined && { namespace }),
    name,
    generation: policy.generation,
    resourceVersion: policy.resourceVersion,
    state,
    nodes,
    pods,
    ...(slowest !== undefined && {
      slowest: {
        node: slowest.node,
        enforcedAt: new Date(slowest.at).toISOString(),
        afterMilliseconds: slowest.afterMs,
      },
    }),
    behind,
    findings: findings.map(({ path, severity, message }) => ({ path, severity, message })),
  };
}
