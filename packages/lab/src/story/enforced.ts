import { kindOfPolicyKey } from '@muslin/kube';
import type { AgentStatus } from '../local-status.ts';

/** What must be in force: a policy at (or after) a version, or its absence; and all pods up to a version. */
export interface Demand {
  readonly policies: ReadonlyMap<string, string | undefined>;
  /** Greatest resourceVersion among the objects of a kind that must have been applied. */
  readonly through: Readonly<Record<string, string>>;
}

/**
 * Which nodes do not yet enforce the demand, with the reason. Versions are compared as numbers: this is the lab's
 * own API server, whose counter is one for all kinds.
 */
export function notYet(
  demand: Demand,
  nodes: ReadonlyMap<string, AgentStatus | undefined>,
): readonly string[] {
  const missing: string[] = [];
  for (const [node, status] of nodes) {
    if (status === undefined) {
      missing.push(`${node}: its agent does not answer`);
      continue;
    }
    if (!status.ready) missing.push(`${node}: not ready`);
    for (const [key, version] of demand.policies) {
      // A node that is told only what concerns it knows of other policies how far it follows them.
      const followed =
        status.source === 'stream' ? status.appliedThrough[kindOfPolicyKey(key) ?? ''] : undefined;
      const own = status.policies[key]?.resourceVersion;
      const seen = version === undefined ? own : (own ?? followed);
      if (version === undefined ? seen !== undefined : Number(seen ?? -1) < Number(version))
        missing.push(`${node}: ${key} at ${seen ?? 'nothing'}, not ${version ?? 'gone'}`);
    }
    for (const [kind, version] of Object.entries(demand.through))
      if (Number(status.appliedThrough[kind] ?? -1) < Number(version))
        missing.push(
          `${node}: ${kind} applied through ${status.appliedThrough[kind] ?? 'nothing'}, not ${version}`,
        );
  }
  return missing;
}

/** The greatest version in a list. */
export function newest(
  objects: readonly { readonly metadata: { readonly resourceVersion?: string } }[],
): string {
  return String(Math.max(0, ...objects.map(o => Number(o.metadata.resourceVersion ?? 0))));
}
