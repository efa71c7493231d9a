import { textAt } from '../files/json.ts';
import { configurationProblem, isUp, type NodeReport, peersOfStatus } from './node-status.ts';

/** One thing that is wrong, or about to be. */
export interface Trouble {
  readonly node: string;
  readonly peer?: string;
  readonly code: string;
  readonly severity: 'waiting' | 'warning' | 'problem';
  readonly message: string;
}

/** A speaker writes at least every five minutes, so an older report is of one that stopped, or can't write. */
const OLDEST_REPORT_MS = 12 * 60_000;
const SEVERITIES = ['problem', 'warning', 'waiting'] as const;

/** Everything that the reports say is wrong, worst first. `expected` are the nodes that should have reported. */
export function findNodeTroubles(
  reports: readonly NodeReport[],
  expected: readonly string[],
  now: Date,
): readonly Trouble[] {
  const known = new Set(reports.map(({ metadata }) => metadata.name));
  const silent = expected
    .filter(node => !known.has(node))
    .map(
      (node): Trouble => ({
        ...{ node, code: 'no-report', severity: 'problem' },
        message: `Node ${node} has reported no BGP sessions: check that its speaker runs and may write bgpnodestatuses.muslin.dev.`,
      }),
    );
  const found = [
    ...silent,
    ...reports.flatMap(report => ofNode(report, now)),
    ...gone(reports, now),
    ...twins(reports),
  ];
  const rank = ({ severity }: Trouble) => SEVERITIES.indexOf(severity);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

function ofNode(report: NodeReport, now: Date): readonly Trouble[] {
  const node = report.metadata.name ?? '';
  const updated = Date.parse(textAt(report, 'status', 'lastUpdated') ?? '');
  const stale = now.getTime() - updated > OLDEST_REPORT_MS;
  const problem = configurationProblem(report);
  return [
    ...(stale
      ? [
          {
            ...{ node, code: 'old-report', severity: 'problem' as const },
            message: `Node ${node} last reported at ${new Date(updated).toISOString()}: its speaker stopped, or does not reach the API server; what it says of sessions may be old.`,
          },
        ]
      : []),
    ...(problem === undefined
      ? []
      : [{ node, code: 'not-in-effect', severity: 'problem' as const, message: problem }]),
    ...peersOfStatus(report).flatMap((peer): readonly Trouble[] => {
      const { finding, state, info } = peer;
      if (finding === undefined) {
        if (state === 'Established') return [];
        const message = info ?? `The session with ${peer.peer} is ${state}, and its node does not say why.`;
        return [{ node, peer: peer.peer, code: 'down', severity: 'problem', message }];
      }
      if (finding.severity === 'ok') return [];
      const severity = SEVERITIES.find(each => each === finding.severity) ?? 'problem';
      return [{ node, peer: peer.peer, code: finding.code, severity, message: finding.message }];
    }),
  ];
}

/** Both ends of a session tell within seconds when it goes down. */
const BOTH_TELL_MS = 60_000;

/** Nodes that tell of sessions which the other end says are down: long before a report is old, its speaker is known to be gone. */
function gone(reports: readonly NodeReport[], now: Date): readonly Trouble[] {
  const nodeAt = new Map(reports.map(report => [textAt(report, 'status', 'routerID'), report.metadata.name]));
  const down = new Map<string, string[]>();
  for (const report of reports)
    for (const row of peersOfStatus(report)) {
      const other = nodeAt.get(row.peer);
      if (other !== undefined && !isUp(row)) down.set(other, [...(down.get(other) ?? []), row.node]);
    }
  return reports.flatMap((report): readonly Trouble[] => {
    const node = report.metadata.name ?? '';
    const at = textAt(report, 'status', 'lastUpdated') ?? '';
    const age = now.getTime() - Date.parse(at);
    if (!(age > BOTH_TELL_MS && age <= OLDEST_REPORT_MS)) return [];
    const up = new Set(peersOfStatus(report).flatMap(row => (isUp(row) ? nodeAt.get(row.peer) : [])));
    const contrary = (down.get(node) ?? []).filter(other => up.has(other));
    if (contrary.length === 0) return [];
    const message = `Node ${node} last reported at ${at} that its sessions with ${contrary.join(', ')} are up, and there they are down: its speaker stopped, or does not reach the API server; look at its pod on that node.`;
    return [{ node, code: 'speaker-gone', severity: 'problem', message }];
  });
}

/** Nodes with one router ID refuse each other's sessions (RFC 6286), and each sees it as the other's fault. */
function twins(reports: readonly NodeReport[]): readonly Trouble[] {
  const byId = new Map<string, string[]>();
  for (const report of reports) {
    const id = textAt(report, 'status', 'routerID');
    const name = report.metadata.name ?? '';
    if (id !== undefined) byId.set(id, [...(byId.get(id) ?? []), name]);
  }
  return [...byId]
    .filter(([, names]) => names.length > 1)
    .map(([id, names]) => ({
      ...{ node: names[0] ?? '', code: 'router-id-twice', severity: 'problem' as const },
      message: `Nodes ${names.join(', ')} all have the router ID ${id}: check their BGP addresses (annotation projectcalico.org/IPv4Address) and BGPConfigurations.`,
    }));
}
