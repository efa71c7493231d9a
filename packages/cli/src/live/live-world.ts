import { NORMALISED_KINDS, SnapshotStore } from '@muslin/api';
import { type AnyObject, apiVersionOf, RESOURCES, type Resource } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import type { World } from '../world/world.ts';
import { faultText } from './fault-text.ts';
import type { Lister } from './lister.ts';

/** Lists everything that policy asks about. A kind that the server does not serve has no objects; `saw` gets each. */
export async function liveWorld(
  client: Lister,
  saw: (object: AnyObject) => void = () => {},
): Promise<Result<World, string>> {
  const wanted = new Set(NORMALISED_KINDS);
  const resources: readonly Resource[] = Object.values(RESOURCES);
  const listed = await Promise.all(
    resources
      .filter(resource => wanted.has(`${apiVersionOf(resource)}/${resource.kind}`))
      .map(async resource => ({ resource, answer: await client.listAll<AnyObject>(resource) })),
  );
  const store = new SnapshotStore();
  for (const { resource, answer } of listed) {
    if (!answer.ok && answer.fault.code === 'NotFound') continue;
    if (!answer.ok) return fail(faultText(answer.fault));
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    for (const item of answer.value.items) {
      const object = { ...type, ...item };
      store.upsert(object);
      saw(object);
    }
  }
  return ok({
    snapshot: store.snapshot,
    findings: store.findings,
    madeUp: new Set(),
    placeOf: () => undefined,
    warnings: [],
  });
}
