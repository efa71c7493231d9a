import { formatRef } from '../flow/reason-text.ts';
import type { Lister } from '../live/lister.ts';
import { readNodeReports } from '../policy/node-reports.ts';
import { isOld, type PolicyRow } from '@muslin/policy';
import { readPolicyRows } from '../policy/read-policy-rows.ts';
import type { Finding } from './finding.ts';

/** A node that cannot show what it enforces, and policies that are not in force. `nodes`: those that should tell. */
export async function policyFindings(
  client: Lister,
  nodes: Promise<readonly string[]>,
  now: Date,
): Promise<readonly Finding[]> {
  const [rows, reports] = await Promise.all([readPolicyRows(client, now), readNodeReports(client, now)]);
  if (!rows.ok || !reports.ok) {
    const reason = rows.ok ? (reports.ok ? '' : reports.fault) : rows.fault;
    const object = 'policies';
    return [
      {
        ...{ severity: 'problem', area: 'policy', object, code: 'not-readable', reason },
        fix: 'mend that first: nobody can say what is enforced',
      },
    ];
  }
  const told = new Map(reports.value.map(report => [report.node, report]));
  const agents = (await nodes).flatMap((node): readonly Finding[] => {
    const report = told.get(node);
    if (report?.trouble === undefined && report !== undefined) return [];
    const silent = report === undefined || isOld(report, now.getTime());
    return [
      {
        ...{ severity: 'problem', area: 'policy', object: `Node ${node}` },
        code: silent ? 'agent-silent' : 'not-enforced',
        reason: silent
          ? `its agent has told nothing${report?.toldAt === undefined ? '' : ` since ${new Date(report.toldAt).toISOString()}`}: rules from before stay in its kernel, no new pod starts, no change of policy arrives`
          : `its agent cannot show that its kernel holds what it should: ${report.trouble}`,
        fix: `on the node: muslinctl node status; kubectl -n kube-system logs daemonset/muslin-node -c agent`,
      },
    ];
  });
  const sick = new Set(agents.map(({ object }) => object.slice('Node '.length)));
  return [...agents, ...rows.value.flatMap(row => findingsOf(row, sick))];
}

function findingsOf(row: PolicyRow, sick: ReadonlySet<string>): readonly Finding[] {
  const object = formatRef(row.policy.ref);
  const about = { area: 'policy' as const, object };
  const edit = `correct the field and apply it again: muslinctl policy status ${row.policy.ref.name} shows it`;
  const [code, so] = row.inEffect
    ? ['policy-partial', 'it is in effect, but for this part: ']
    : ['policy-rejected', 'it is in effect nowhere: '];
  const wrong = row.findings.map(
    ({ severity, path, message }): Finding => ({
      ...about,
      severity: severity === 'error' ? 'problem' : 'warning',
      code: severity === 'error' ? code : 'policy-doubtful',
      reason: `${severity === 'error' ? so : ''}${path === '' ? '' : `${path}: `}${message}`,
      fix: edit,
    }),
  );
  // A node that tells nothing has its own finding; one for each of its policies would hide the rest.
  const behind = row.behind.filter(({ node }) => !sick.has(node));
  const [first] = behind;
  if (row.state !== 'Pending' || first === undefined) return wrong;
  const more = behind.length === 1 ? '' : ` and ${behind.length - 1} more`;
  return [
    ...wrong,
    {
      ...{ ...about, severity: 'waiting', code: 'policy-pending' },
      reason: `node ${first.node}${more}: ${first.why}`,
      fix: `wait some seconds; if it stays: muslinctl policy status ${row.policy.ref.name} -o wide`,
    },
  ];
}
