import { type AnyObject, type KubeClient, nameOf, RESOURCES, type Resource } from '@muslin/kube';
import { fail, ok, type Result } from '@muslin/net';
import { recordAt, textAt, valueAt } from '../files/json.ts';
import { faultText } from '../live/fault-text.ts';
import { v1Resource } from './calico-sources.ts';
import { NODE_LABEL, ON_MUSLIN } from './plan.ts';
import { toV3 } from './to-v3.ts';

/** Which way a node goes. */
export type Direction = 'to-muslin' | 'to-calico';

/** Cordons a node, sees that it is drained, moves its addresses to the other ledger, and labels it. Idempotent. */
export async function moveNode(
  client: KubeClient,
  node: string,
  direction: Direction,
  shared: boolean,
  say: (line: string) => void,
): Promise<Result<undefined, string>> {
  const cordoned = await merge(client, RESOURCES.Node, { name: node }, { spec: { unschedulable: true } });
  if (!cordoned.ok) return cordoned;
  say(`node ${node}: cordoned`);
  const pods = await client.listAll<AnyObject>(RESOURCES.Pod, { fieldSelector: `spec.nodeName=${node}` });
  if (!pods.ok) return fail(faultText(pods.fault));
  const left = pods.value.items.filter(hasNetwork);
  if (left.length > 0)
    return fail(
      `node ${node}: ${left.length} pods still have addresses of the network that it leaves (${left[0]?.metadata.namespace}/${left[0]?.metadata.name}, …): kubectl drain ${node} --ignore-daemonsets --delete-emptydir-data, then run this again`,
    );
  if (!shared) {
    const moved = await moveLedger(client, node, direction);
    if (!moved.ok) return moved;
    say(`node ${node}: ${moved.value} blocks moved`);
  }
  const label = direction === 'to-muslin' ? ON_MUSLIN : null;
  const labelled = await merge(
    client,
    RESOURCES.Node,
    { name: node },
    { metadata: { labels: { [NODE_LABEL]: label } } },
  );
  if (!labelled.ok) return labelled;
  say(`node ${node}: labelled; ${direction === 'to-muslin' ? 'Muslin' : 'Calico'} starts there`);
  return ok(undefined);
}

/** Pods of DaemonSets come back by themselves, finished ones and those in the host's network hold no address. */
function hasNetwork(pod: AnyObject): boolean {
  const phase = textAt(pod, 'status', 'phase');
  const owners = (pod.metadata.ownerReferences ?? []).map(({ kind }) => kind);
  return (
    valueAt(pod, 'spec', 'hostNetwork') !== true &&
    phase !== 'Succeeded' &&
    phase !== 'Failed' &&
    !owners.some(kind => kind === 'DaemonSet' || kind === 'Node')
  );
}

/** First all is written on the other side, then it goes here: broken off between, an address is taken twice, never free twice. */
async function moveLedger(
  client: KubeClient,
  node: string,
  direction: Direction,
): Promise<Result<number, string>> {
  const side = (resource: Resource) =>
    direction === 'to-muslin'
      ? ([v1Resource(resource), resource] as const)
      : ([resource, v1Resource(resource)] as const);
  const [blocksFrom, blocksTo] = side(RESOURCES.IPAMBlock);
  const [affinitiesFrom, affinitiesTo] = side(RESOURCES.BlockAffinity);
  const [handlesFrom, handlesTo] = side(RESOURCES.IPAMHandle);
  const blocks = await listed(
    client,
    blocksFrom,
    block => textAt(block, 'spec', 'affinity') === `host:${node}`,
  );
  const affinities = await listed(client, affinitiesFrom, each => textAt(each, 'spec', 'node') === node);
  if (!blocks.ok) return blocks;
  if (!affinities.ok) return affinities;
  const cidrs = new Set(blocks.value.map(block => textAt(block, 'spec', 'cidr') ?? ''));
  const handles = await listed(client, handlesFrom, handle =>
    Object.keys(recordAt(handle, 'spec', 'block')).some(cidr => cidrs.has(cidr)),
  );
  if (!handles.ok) return handles;
  const parts = [
    ...handles.value.map(object => [handlesTo, object] as const),
    ...blocks.value.map(object => [blocksTo, object] as const),
    ...affinities.value.map(object => [affinitiesTo, object] as const),
  ];
  for (const [to, object] of parts) {
    const done = await put(client, to, object);
    if (!done.ok) return done;
  }
  for (const [resource, objects] of [
    [affinitiesFrom, affinities.value],
    [blocksFrom, blocks.value],
  ] as const)
    for (const object of objects) {
      const gone = await client.delete(resource, nameOf(object));
      if (!gone.ok && gone.fault.code !== 'NotFound') return fail(faultText(gone.fault));
    }
  return ok(blocks.value.length);
}

async function listed(
  client: KubeClient,
  resource: Resource,
  wanted: (object: AnyObject) => boolean,
): Promise<Result<readonly AnyObject[], string>> {
  const answer = await client.listAll<AnyObject>(resource);
  if (!answer.ok) return fail(faultText(answer.fault));
  return ok(answer.value.items.filter(wanted).map(object => ({ ...object, kind: resource.kind })));
}

/** Writes an object whole, whatever was there. */
export async function put(
  client: KubeClient,
  to: Resource,
  source: AnyObject,
): Promise<Result<undefined, string>> {
  const v3 =
    to.group === 'projectcalico.org'
      ? toV3({ ...source, apiVersion: 'crd.projectcalico.org/v1' }).object
      : asV1(source);
  if (v3 === undefined) return ok(undefined);
  const body = { ...v3, apiVersion: `${to.group}/${to.version}`, kind: to.kind } as AnyObject;
  const made = await client.create<AnyObject>(to, body);
  if (made.ok) return ok(undefined);
  if (made.fault.code !== 'AlreadyExists')
    return fail(`${to.kind} ${body.metadata.name}: ${faultText(made.fault)}`);
  const now = await client.get<AnyObject>(to, nameOf(body));
  if (!now.ok) return fail(faultText(now.fault));
  const { resourceVersion = '' } = now.value.metadata;
  const updated = await client.update(to, {
    ...body,
    metadata: { ...body.metadata, resourceVersion },
  } as AnyObject);
  return updated.ok ? ok(undefined) : fail(`${to.kind} ${body.metadata.name}: ${faultText(updated.fault)}`);
}

/** `deleted` is a text in v1's BlockAffinity. */
function asV1({ metadata: { name = '' }, kind, ...source }: AnyObject): AnyObject {
  const spec = recordAt(source, 'spec');
  const deleted = kind === 'BlockAffinity' ? { deleted: String(spec['deleted'] ?? false) } : {};
  return { metadata: { name }, spec: { ...spec, ...deleted } } as unknown as AnyObject;
}

export async function merge(
  client: KubeClient,
  resource: Resource,
  name: { readonly name: string; readonly namespace?: string },
  body: object,
): Promise<Result<undefined, string>> {
  const done = await client.patch(resource, name, { type: 'merge', body }, { fieldManager: 'muslinctl' });
  return done.ok ? ok(undefined) : fail(`${resource.kind} ${name.name}: ${faultText(done.fault)}`);
}
