import { type AnyObject, type KubeClient, nameOf, type Resource } from '@muslin/kube';

/** Adds or removes one finalizer of an object, bound to the version that was read. Gives why it failed. */
export async function setFinalizer(
  client: KubeClient,
  resource: Resource,
  object: AnyObject,
  finalizer: string,
  wanted: boolean,
): Promise<string | undefined> {
  const { finalizers = [], resourceVersion, uid } = object.metadata;
  if (finalizers.includes(finalizer) === wanted) return undefined;
  const changed = wanted ? [...finalizers, finalizer] : finalizers.filter(each => each !== finalizer);
  const body = { metadata: { resourceVersion, uid, finalizers: changed } };
  const done = await client.patch(resource, nameOf(object), { type: 'merge', body });
  return done.ok || done.fault.code === 'NotFound' ? undefined : done.fault.message;
}
