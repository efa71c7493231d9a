import type { AnyObject } from '@muslin/kube';
import { findNodeTroubles } from '../bgp/find-troubles.ts';
import type { Finding } from './finding.ts';

/** What `bgp doctor` says, as findings: its sentences name both the reason and the fix. */
export function bgpFindings(
  reports: readonly AnyObject[],
  nodes: readonly string[],
  now: Date,
): readonly Finding[] {
  return findNodeTroubles(reports, nodes, now).map(({ node, peer, code, severity, message }) => {
    const [reason = message, fix] = halves(message);
    return {
      ...{ severity, area: 'bgp' as const, code },
      object: `Node ${node}${peer === undefined ? '' : `, peer ${peer}`}`,
      reason,
      fix: fix ?? `on the node: muslinctl bgp peer ${peer ?? ''}`.trim(),
    };
  });
}

/** The speaker writes `what is so: what to do.`; an address may hold colons, but no space after one. */
function halves(message: string): readonly [string, string?] {
  const at = message.indexOf(': ');
  return at < 0 ? [message] : [message.slice(0, at), message.slice(at + 2)];
}
