import type { Attempt } from './api.ts';

/** One line of an audit log: what RBAC would decide by, except names. */
export interface AuditLine {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** '' for objects of the cluster, and for lists and watches over all namespaces. */
  readonly namespace: string;
}

/**
 * Writes each kind of attempt once, as a line of JSON, when it is first made: what a role must grant is a set, and a
 * cluster that runs for hours would only repeat it.
 */
export function auditLog(write: (line: string) => void): (attempt: Attempt) => void {
  const seen = new Set<string>();
  return ({ user, verb, group, resource, namespace }) => {
    const [kind = '', subresource = ''] = resource.split('/');
    const line: AuditLine = { user: user.user, verb, group, resource: kind, subresource, namespace };
    const text = `${JSON.stringify(line)}\n`;
    if (seen.has(text)) return;
    seen.add(text);
    write(text);
  };
}
