import { type AnyObject, apiVersionOf, type KubeClient, type Resource } from '@muslin/kube';
import type { KindRow } from '../kinds/kind-row.ts';
import { listed, resourcesOf, type Wanted } from './find-objects.ts';
import { faultText } from './fault-text.ts';

/** A server ends a watch after this long, and it is asked again. */
const PATIENCE_SECONDS = 300;

/**
 * Tells each change of a kind from now on, as the object that `get` would show: the last state of one that is gone.
 * Lists, and tells what came meanwhile, where the server no longer knows the way. Ends only with a fault, as a sentence.
 *
 * @param versions where to begin, by resource name; what was listed just before
 */
export async function watchObjects(
  client: KubeClient,
  row: KindRow,
  wanted: Wanted,
  versions: ReadonlyMap<Resource, string>,
  tell: (object: AnyObject) => void,
): Promise<string> {
  const following = resourcesOf(row).flatMap(resource => {
    const from = versions.get(resource);
    return from === undefined ? [] : [follow(client, resource, row, wanted, from, tell)];
  });
  return Promise.race(following);
}

async function follow(
  client: KubeClient,
  resource: Resource,
  row: KindRow,
  wanted: Wanted,
  from: string,
  tell: (object: AnyObject) => void,
): Promise<string> {
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const { names } = wanted;
  const query = listed(resource, wanted);
  const show = (object: AnyObject) => {
    const shown = row.derive ? row.derive({ ...type, ...object }) : { ...type, ...object };
    if (shown !== undefined && (names.length === 0 || names.includes(shown.metadata.name ?? ''))) tell(shown);
  };
  let at = from;
  for (;;) {
    const more = { allowWatchBookmarks: true, timeoutSeconds: PATIENCE_SECONDS, resourceVersion: at };
    const stream = await client.watch<AnyObject>(resource, { ...query, ...more });
    if (!stream.ok && stream.fault.code !== 'Gone') return faultText(stream.fault);
    let gone = !stream.ok;
    for await (const event of stream.ok ? stream.value : []) {
      if (!event.ok) {
        if (event.fault.code !== 'Gone') return faultText(event.fault);
        gone = true;
      } else if (event.value.type === 'BOOKMARK') at = event.value.resourceVersion;
      else {
        at = event.value.object.metadata.resourceVersion ?? at;
        show(event.value.object);
      }
    }
    if (!gone) continue;
    const again = await client.listAll<AnyObject>(resource, query);
    if (!again.ok) return faultText(again.fault);
    again.value.items.forEach(show);
    at = again.value.resourceVersion;
  }
}
