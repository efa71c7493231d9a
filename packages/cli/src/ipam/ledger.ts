import { type Pool, readIpPool, readIpReservation } from '@muslin/api';
import {
  type Inventory,
  type IpamConfig,
  type IpamKind,
  ipamConfigFromSpec,
  inventoryOf,
  type PodFacts,
  type StoredMetadata,
  type StoredObject,
  type Witnesses,
} from '@muslin/ipam';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, ok, parseIp, type Prefix, type Result } from '@muslin/net';
import { listAt, textAt } from '../files/json.ts';
import { faultText } from '../live/fault-text.ts';
import { nodeWords } from './node-words.ts';

/** What the cluster keeps of addresses. */
export interface Ledger {
  readonly stored: readonly StoredObject[];
  readonly inventory: Inventory;
  readonly pools: readonly Pool[];
  readonly reservations: readonly Prefix[];
  readonly config: IpamConfig;
}

const IPAM_KINDS = ['IPAMBlock', 'BlockAffinity', 'IPAMHandle'] as const satisfies readonly IpamKind[];

/** Lists every IPAM object, pool and reservation; a kind that is not served is a fault. */
export async function readLedger(client: KubeClient): Promise<Result<Ledger, string>> {
  const settings = Promise.all([
    listKind(client, 'IPPool'),
    listKind(client, 'IPReservation'),
    client.get<AnyObject>(RESOURCES.IPAMConfiguration, { name: 'default' }),
  ]);
  const stored: StoredObject[] = [];
  // One after the other: a block is written after its affinity, so what is claimed meanwhile never seems to lack one.
  for (const kind of IPAM_KINDS) {
    const objects = await listKind(client, kind);
    if (!objects.ok) return objects;
    for (const { metadata, ...object } of objects.value)
      stored.push({ kind, metadata: metadata as StoredMetadata, spec: object['spec'] });
  }
  const [pools, reservations, config] = await settings;
  if (!pools.ok) return pools;
  if (!reservations.ok) return reservations;
  if (!config.ok && config.fault.code !== 'NotFound') return fail(faultText(config.fault));
  return ok({
    stored,
    inventory: inventoryOf(stored),
    // Items of a list bear no type of their own.
    pools: pools.value.flatMap(object => {
      const pool = readIpPool({ ...object, apiVersion: 'projectcalico.org/v3', kind: 'IPPool' }).value;
      return pool === undefined ? [] : [pool];
    }),
    reservations: reservations.value.flatMap(object => readIpReservation(object).value ?? []),
    config: ipamConfigFromSpec(config.ok ? config.value['spec'] : undefined),
  });
}

/**
 * Whom muslinctl can ask about holders: the API server for pods and nodes, and there what nodes last said of themselves
 * (AddressNodeStatus).
 */
export async function readWitnesses(
  client: KubeClient,
  now: number,
): Promise<Result<Pick<Witnesses, 'pods' | 'nodes' | 'onHost' | 'partly'>, string>> {
  // Before all else: a report that is older than the look at pods may lack what a new pod has, never the reverse.
  const reports = await client.listAll<AnyObject>(RESOURCES.AddressNodeStatus);
  if (!reports.ok && reports.fault.code !== 'NotFound') return fail(faultText(reports.fault));
  const [pods, nodes] = await Promise.all([listKind(client, 'Pod'), listKind(client, 'Node')]);
  if (!pods.ok) return pods;
  if (!nodes.ok) return nodes;
  return ok({
    pods: new Map(pods.value.flatMap(podEntry)),
    nodes: new Set(nodes.value.map(({ metadata }) => metadata.name ?? '')),
    ...nodeWords(reports.ok ? reports.value.items : [], now),
  });
}

/** A pod that has finished holds nothing. */
function podEntry(pod: AnyObject): readonly (readonly [string, PodFacts])[] {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const phase = textAt(pod, 'status', 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return [];
  const leaving = Boolean(pod.metadata.deletionTimestamp);
  const several = listAt(pod, 'status', 'podIPs').map(each => textAt(each, 'ip') ?? '');
  const texts = several.length > 0 ? several : [textAt(pod, 'status', 'podIP') ?? ''];
  const ips = texts.map(text => parseIp(text)).flatMap(ip => (ip.ok ? [ip.value] : []));
  return [
    [`${namespace}/${name}`, { name, namespace, uid, node: textAt(pod, 'spec', 'nodeName'), ips, leaving }],
  ];
}

async function listKind(
  client: KubeClient,
  kind: keyof typeof RESOURCES,
): Promise<Result<readonly AnyObject[], string>> {
  const answer = await client.listAll<AnyObject>(RESOURCES[kind]);
  if (answer.ok) return ok(answer.value.items);
  if (answer.fault.code === 'NotFound')
    return fail(
      `${client.connection.server} does not serve ${RESOURCES[kind].plural}: are Muslin's CRDs installed?`,
    );
  return fail(faultText(answer.fault));
}
