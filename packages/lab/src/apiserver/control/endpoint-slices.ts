import type { Api } from '../api.ts';
import { at, type Json, type JsonObject, listAt, objectAt, sameJson, textAt } from '../json.ts';
import { endpointSlice } from '../kinds/endpoint-slice.ts';
import { conditionHolds } from '../kinds/pod-columns.ts';
import { type KubeObject, withMetadata } from '../kube-object.ts';
import { deleteObject } from '../serve/delete.ts';
import { updateObject } from '../serve/write.ts';
import { keyOf, type StoreEvent } from '../store/store.ts';
import type { Controller } from './controller.ts';
import { createQuietly } from './system-write.ts';

const SERVICES = '/services';
const PODS = '/pods';
const NODES = '/nodes';
const MANAGER = 'endpointslice-controller.k8s.io';
/** More endpoints than this don't go into one slice (kube-controller-manager --max-endpoints-per-slice is 100). */
const SLICE_LIMIT = 1000;

/** Keeps EndpointSlices of Services with a selector, as kube-controller-manager does. */
export class EndpointSlices implements Controller {
  /** Keys of services to look at after the batch. */
  readonly #stale = new Set<string>();

  start(api: Api): void {
    for (const [, service] of api.store.list(SERVICES)) settle(api, service);
  }

  react(api: Api, event: StoreEvent): void {
    if (event.storage === SERVICES) {
      if (event.type === 'DELETED') removeSlices(api, event.object, () => true);
      else this.#stale.add(event.key);
    } else if (event.storage === PODS) {
      for (const [key, service] of api.store.list(SERVICES)) {
        const was = event.previous !== undefined && selects(service, event.previous);
        if (was || selects(service, event.object)) this.#stale.add(key);
      }
    }
  }

  finish(api: Api): void {
    const keys = [...this.#stale];
    this.#stale.clear();
    for (const key of keys) {
      const service = api.store.get(SERVICES, key);
      if (service !== undefined) settle(api, service);
    }
  }
}

function selects(service: KubeObject, pod: KubeObject): boolean {
  const selector = Object.entries(objectAt(service, 'spec', 'selector'));
  if (selector.length === 0 || service.metadata.namespace !== pod.metadata.namespace) return false;
  return selector.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

/** What the slices of a service should hold, keyed by name. */
function wantedSlices(
  service: KubeObject,
  pods: readonly KubeObject[],
  zoneOf: (node: string) => string,
): ReadonlyMap<string, JsonObject> {
  const wanted = new Map<string, JsonObject>();
  const families = listAt(service, 'spec', 'ipFamilies');
  for (const family of families.length === 0 ? ['IPv4'] : families) {
    const groups = new Map<string, { ports: readonly JsonObject[]; endpoints: JsonObject[] }>();
    for (const pod of pods) {
      const address = addressOf(pod, String(family));
      if (
        address === undefined ||
        textAt(pod, 'status', 'phase') === 'Succeeded' ||
        textAt(pod, 'status', 'phase') === 'Failed'
      )
        continue;
      // Pods that resolve a named port differently can't share a slice.
      const ports = portsOf(service, pod);
      const text = JSON.stringify(ports);
      const group = groups.get(text) ?? { ports, endpoints: [] };
      groups.set(text, group);
      group.endpoints.push(endpointOf(service, pod, address, zoneOf));
    }
    if (groups.size === 0) groups.set('', { ports: [], endpoints: [] });
    let number = 0;
    for (const { ports, endpoints } of [...groups.values()]) {
      for (let start = 0; start === 0 || start < endpoints.length; start += SLICE_LIMIT) {
        const suffix = `${String(family).toLowerCase()}${number === 0 ? '' : `-${number}`}`;
        wanted.set(`${service.metadata.name}-${suffix}`, {
          addressType: family,
          ports,
          endpoints: endpoints.slice(start, start + SLICE_LIMIT),
        });
        number++;
      }
    }
  }
  return wanted;
}

function addressOf(pod: KubeObject, family: string): string | undefined {
  const all = [
    ...listAt(pod, 'status', 'podIPs').map(item => textAt(item, 'ip')),
    textAt(pod, 'status', 'podIP'),
  ];
  return all.find(ip => ip !== '' && ip.includes(':') === (family === 'IPv6'));
}

function portsOf(service: KubeObject, pod: KubeObject): readonly JsonObject[] {
  return listAt(service, 'spec', 'ports').flatMap(port => {
    const target = at(port, 'targetPort') ?? at(port, 'port');
    const number = typeof target === 'string' ? namedPort(pod, target, textAt(port, 'protocol')) : target;
    if (number === undefined) return [];
    const protocol = textAt(port, 'appProtocol');
    return [
      {
        name: textAt(port, 'name'),
        protocol: textAt(port, 'protocol'),
        port: number,
        ...(protocol === '' ? {} : { appProtocol: protocol }),
      },
    ];
  });
}

function namedPort(pod: KubeObject, name: string, protocol: string): Json | undefined {
  const sidecars = listAt(pod, 'spec', 'initContainers').filter(
    item => textAt(item, 'restartPolicy') === 'Always',
  );
  for (const container of [...listAt(pod, 'spec', 'containers'), ...sidecars]) {
    const found = listAt(container, 'ports').find(
      port => textAt(port, 'name') === name && textAt(port, 'protocol') === protocol,
    );
    if (found !== undefined) return at(found, 'containerPort');
  }
  return undefined;
}

/** EndpointConditions: ready leaves out terminating pods, serving does not. */
function endpointOf(
  service: KubeObject,
  pod: KubeObject,
  address: string,
  zoneOf: (node: string) => string,
): JsonObject {
  const serving = conditionHolds(pod, 'Ready');
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const publish = at(service, 'spec', 'publishNotReadyAddresses') === true;
  const node = textAt(pod, 'spec', 'nodeName');
  const zone = zoneOf(node);
  const { name, namespace, uid } = pod.metadata;
  const hostname = textAt(pod, 'spec', 'hostname');
  const named = hostname !== '' && textAt(pod, 'spec', 'subdomain') === service.metadata.name;
  return {
    addresses: [address],
    conditions: { ready: publish || (serving && !terminating), serving, terminating },
    ...(named ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(node === '' ? {} : { nodeName: node }),
    ...(zone === '' ? {} : { zone }),
  };
}

function settle(api: Api, service: KubeObject): void {
  const selector = objectAt(service, 'spec', 'selector');
  const leaving = service.metadata.deletionTimestamp !== undefined;
  if (Object.keys(selector).length === 0 || textAt(service, 'spec', 'type') === 'ExternalName' || leaving)
    return;
  const pods = api.store
    .list(PODS)
    .map(([, pod]) => pod)
    .filter(pod => selects(service, pod));
  const zoneOf = (node: string) =>
    api.store.get(NODES, keyOf('', node))?.metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
  const wanted = wantedSlices(service, pods, zoneOf);
  for (const [name, content] of wanted) write(api, service, name, content);
  removeSlices(api, service, slice => !wanted.has(slice.metadata.name ?? ''));
}

function write(api: Api, service: KubeObject, name: string, content: JsonObject): void {
  const { name: owner = '', namespace = '', uid = '', labels = {} } = service.metadata;
  const metadata = {
    name,
    namespace,
    labels: {
      ...labels,
      'kubernetes.io/service-name': owner,
      'endpointslice.kubernetes.io/managed-by': MANAGER,
    },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Service', name: owner, uid, controller: true, blockOwnerDeletion: true },
    ],
  };
  const old = api.store.get(endpointSlice.storage, keyOf(namespace, name));
  if (old === undefined) {
    createQuietly(api, endpointSlice, { ...content, metadata }, 'kube-controller-manager');
    return;
  }
  if (
    sameJson(old['ports'], content['ports']) &&
    sameJson(old['endpoints'], content['endpoints']) &&
    sameJson(old.metadata.labels, metadata.labels)
  )
    return;
  const next = {
    ...withMetadata(old, { labels: metadata.labels, ownerReferences: metadata.ownerReferences }),
    ...content,
  };
  const context = {
    manager: 'kube-controller-manager',
    operation: 'Update',
    subresource: '',
    dryRun: false,
  } as const;
  updateObject(api, endpointSlice, old, { ...next, metadata: next.metadata }, context);
}

/** Removes slices that this controller made for a service. */
function removeSlices(api: Api, service: KubeObject, when: (slice: KubeObject) => boolean): void {
  for (const [, slice] of api.store.list(endpointSlice.storage)) {
    const { namespace, labels = {} } = slice.metadata;
    const ours =
      namespace === service.metadata.namespace &&
      labels['kubernetes.io/service-name'] === service.metadata.name &&
      labels['endpointslice.kubernetes.io/managed-by'] === MANAGER;
    if (!ours || !when(slice)) continue;
    const none = { uid: '', resourceVersion: '', dryRun: false, gracePeriodSeconds: undefined };
    deleteObject(api, endpointSlice, slice, { ...none, propagation: 'Background' });
  }
}
