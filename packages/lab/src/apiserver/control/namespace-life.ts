import type { Api } from '../api.ts';
import { objectAt } from '../json.ts';
import { configMap } from '../kinds/config-map.ts';
import { namespace } from '../kinds/namespace.ts';
import { serviceAccount } from '../kinds/service-account.ts';
import type { KubeObject } from '../kube-object.ts';
import { deleteObject } from '../serve/delete.ts';
import type { StoreEvent } from '../store/store.ts';
import type { Controller } from './controller.ts';
import { createQuietly, settleObject } from './system-write.ts';

const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** The namespaces that every cluster has. */
const SYSTEM = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Fills new namespaces, and empties those that are being deleted before they disappear. */
export const namespaceLife: Controller = {
  start(api) {
    for (const name of SYSTEM) createQuietly(api, namespace, { metadata: { name } }, 'kube-apiserver');
    for (const [, object] of api.store.list(namespace.storage)) settle(api, object);
  },
  react(api, event) {
    if (event.storage === namespace.storage) {
      const now = api.store.get(namespace.storage, event.key);
      if (now !== undefined) settle(api, now);
      return;
    }
    refill(api, event);
  },
};

/** The last object of a leaving namespace lets it go; a default that was deleted comes back. */
function refill(api: Api, event: StoreEvent): void {
  const name = event.object.metadata.namespace;
  if (event.type !== 'DELETED' || name === undefined) return;
  const owner = api.store.get(namespace.storage, `/${name}`);
  if (owner === undefined) return;
  const isDefault = event.storage === serviceAccount.storage || event.storage === configMap.storage;
  if (owner.metadata.deletionTimestamp !== undefined || isDefault) settle(api, owner);
}

function settle(api: Api, object: KubeObject): void {
  if (object.metadata.deletionTimestamp === undefined) fill(api, object.metadata.name ?? '');
  else empty(api, object);
}

function fill(api: Api, name: string): void {
  if (api.store.get(serviceAccount.storage, `${name}/default`) === undefined) {
    createQuietly(
      api,
      serviceAccount,
      { metadata: { name: 'default', namespace: name } },
      'kube-controller-manager',
    );
  }
  if (api.store.get(configMap.storage, `${name}/kube-root-ca.crt`) === undefined) {
    const annotations = { 'kubernetes.io/description': DESCRIPTION };
    const metadata = { name: 'kube-root-ca.crt', namespace: name, annotations };
    createQuietly(api, configMap, { metadata, data: { 'ca.crt': api.caPem } }, 'kube-controller-manager');
  }
}

function empty(api: Api, object: KubeObject): void {
  const name = object.metadata.name ?? '';
  let left = 0;
  for (const storage of [...api.store.storages()]) {
    const kind = api.registry.ofStorage(storage);
    if (kind === undefined || !kind.namespaced) continue;
    for (const [key, item] of api.store.list(storage)) {
      if (item.metadata.namespace !== name) continue;
      if (item.metadata.deletionTimestamp === undefined) {
        const none = { uid: '', resourceVersion: '', dryRun: false };
        deleteObject(api, kind, item, { ...none, gracePeriodSeconds: undefined, propagation: 'Background' });
      }
      if (api.store.get(storage, key) !== undefined) left++;
    }
  }
  if (left > 0) return;
  settleObject(api, namespace.storage, { ...object, spec: { ...objectAt(object, 'spec'), finalizers: [] } });
}
