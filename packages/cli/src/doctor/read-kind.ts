import type { AnyObject, Resource } from '@muslin/kube';
import { faultText, isNotServed } from '../live/fault-text.ts';
import type { Lister } from '../live/lister.ts';
import type { Finding } from './finding.ts';

/** The objects of a kind, and what to say when they can't be read. A kind that is not served is `served: false`. */
export interface KindRead {
  readonly objects: readonly AnyObject[];
  readonly served: boolean;
  readonly findings: readonly Finding[];
}

export async function readKind(client: Lister, resource: Resource): Promise<KindRead> {
  const answer = await client.listAll<AnyObject>(resource);
  if (answer.ok) return { objects: answer.value.items, served: true, findings: [] };
  if (answer.fault.code === 'NotFound' || isNotServed(answer.fault))
    return { objects: [], served: false, findings: [] };
  const finding: Finding = {
    ...{ severity: 'problem', area: 'datastore', object: resource.plural, code: 'not-readable' },
    reason: `${resource.plural} can't be listed: ${faultText(answer.fault)}`,
    fix: 'give your user the right to list them, or look why the API server does not answer; what depends on them was not examined',
  };
  return { objects: [], served: true, findings: [finding] };
}
