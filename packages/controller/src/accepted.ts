import type { Finding } from '@muslin/api';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { type WantedCondition, withCondition } from './condition.ts';
import { findingsOf, type JudgedKind, POLICIES_WITH_STATUS } from './findings.ts';

const WITH_STATUS: ReadonlySet<JudgedKind> = new Set(POLICIES_WITH_STATUS);
/** Most findings that a message names. */
const MOST = 3;

/** Whether a policy, or a part of it, is refused, with what and where. */
export function acceptedCondition(findings: readonly Finding[]): WantedCondition {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0)
    return { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'all of it is understood' };
  const told = errors
    .slice(0, MOST)
    .map(({ path, message }) => (path === '' ? message : `${path} ${message}`));
  const more = errors.length > MOST ? `; and ${errors.length - MOST} more` : '';
  return {
    ...{ type: 'Accepted', status: 'False', reason: 'NotInForce' },
    message: `${told.join('; ')}${more}`,
  };
}

/**
 * Says on a policy itself that a part of it is refused, such as `http`, and when no more. A policy that never was wrong is not
 * written to: each write is a new version for every node.
 */
export async function tellAccepted(
  client: KubeClient,
  kind: JudgedKind,
  object: AnyObject,
): Promise<string | undefined> {
  if (!WITH_STATUS.has(kind)) return undefined;
  const wanted = acceptedCondition(findingsOf(kind, object));
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: readonly WantedCondition[] };
  const old = conditions.find(({ type }) => type === 'Accepted');
  if (old?.message === wanted.message && old.status === wanted.status) return undefined;
  if (old === undefined && wanted.status === 'True') return undefined;
  const { name = '', namespace, resourceVersion } = object.metadata;
  const body = { metadata: { resourceVersion }, status: { conditions: withCondition(object, wanted) } };
  const done = await client.patch(
    RESOURCES[kind],
    { name, ...(namespace !== undefined && { namespace }) },
    { type: 'merge', body },
    { subresource: 'status' },
  );
  // A newer version is judged when it is seen.
  if (done.ok || done.fault.code === 'Conflict' || done.fault.code === 'NotFound') return undefined;
  return done.fault.message;
}
