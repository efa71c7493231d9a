import {
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  NetworkingV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Rig, startRig } from './rig.ts';

let rig: Rig;
let config: KubeConfig;
let core: CoreV1Api;
beforeAll(async () => {
  rig = await startRig();
  config = new KubeConfig();
  config.loadFromString(rig.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(() => rig.close());

const namespace = 'default';
const map = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data });

describe('@kubernetes/client-node', () => {
  it('creates, reads, replaces, lists and deletes', async () => {
    const made = await core.createNamespacedConfigMap({ namespace, body: map('a', { x: '1' }) });
    expect(made.metadata?.creationTimestamp).toBeInstanceOf(Date);
    const changed = await core.replaceNamespacedConfigMap({
      name: 'a',
      namespace,
      body: { ...made, data: { x: '2' } },
    });
    expect(changed.data).toEqual({ x: '2' });
    await expect(
      core.replaceNamespacedConfigMap({ name: 'a', namespace, body: { ...made, data: { x: '3' } } }),
    ).rejects.toMatchObject({ code: 409 });
    const list = await core.listNamespacedConfigMap({ namespace, limit: 1 });
    expect([list.items.length, typeof list.metadata?._continue]).toEqual([1, 'string']);
    expect(await core.deleteNamespacedConfigMap({ name: 'a', namespace })).toMatchObject({
      status: 'Success',
    });
    await expect(core.readNamespacedConfigMap({ name: 'a', namespace })).rejects.toMatchObject({ code: 404 });
  });
  it('patches in its ways, and applies on the server', async () => {
    await core.createNamespacedConfigMap({ namespace, body: map('p', { x: '1' }) });
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    expect(
      (await core.patchNamespacedConfigMap({ name: 'p', namespace, body: { data: { y: '2' } } }, merge)).data,
    ).toEqual({ x: '1', y: '2' });
    const steps = [{ op: 'remove', path: '/data/x' }];
    expect((await core.patchNamespacedConfigMap({ name: 'p', namespace, body: steps })).data).toEqual({
      y: '2',
    });
    const objects = KubernetesObjectApi.makeApiClient(config);
    const spec = { apiVersion: 'v1', kind: 'ConfigMap', ...map('ssa', { k: 'v' }) };
    const placed = { ...spec, metadata: { name: 'ssa', namespace } };
    await objects.patch(placed, undefined, undefined, 'boss', true, PatchStrategy.ServerSideApply);
    const read = await core.readNamespacedConfigMap({ name: 'ssa', namespace });
    expect(read.metadata?.managedFields).toMatchObject([{ manager: 'boss', operation: 'Apply' }]);
  });
  it('reads policies and custom objects', async () => {
    const networking = config.makeApiClient(NetworkingV1Api);
    const made = await networking.createNamespacedNetworkPolicy({
      namespace,
      body: { metadata: { name: 'np' }, spec: { podSelector: {}, ingress: [{ ports: [{ port: 'http' }] }] } },
    });
    expect(made.spec?.ingress?.[0]?.ports).toEqual([{ port: 'http', protocol: 'TCP' }]);
    const custom = config.makeApiClient(CustomObjectsApi);
    await expect(
      custom.listClusterCustomObject({ group: 'example.io', version: 'v1', plural: 'none' }),
    ).rejects.toMatchObject({ code: 404 });
  });
  it('watches', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace });
    const seen: string[] = [];
    const query = { resourceVersion: metadata?.resourceVersion ?? '' };
    const controller = await new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      query,
      (phase: string, object: V1ConfigMap) => seen.push(`${phase} ${object.metadata?.name}`),
      () => {},
    );
    try {
      await core.createNamespacedConfigMap({ namespace, body: map('w') });
      await core.deleteNamespacedConfigMap({ name: 'w', namespace });
      await eventually(
        async () => seen,
        list => list.length >= 2,
      );
      expect(seen).toEqual(['ADDED w', 'DELETED w']);
    } finally {
      controller.abort();
    }
  });
  it('keeps an informer up to date', async () => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const informer = makeInformer<V1ConfigMap>(config, path, () =>
      core.listNamespacedConfigMap({ namespace }),
    );
    const faults: unknown[] = [];
    informer.on('error', fault => faults.push(fault));
    await informer.start();
    try {
      await core.createNamespacedConfigMap({ namespace, body: map('i', { n: '1' }) });
      await eventually(
        async () => informer.get('i', namespace)?.data?.['n'],
        value => value === '1',
      );
      const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      await core.patchNamespacedConfigMap({ name: 'i', namespace, body: { data: { n: '2' } } }, merge);
      await eventually(
        async () => informer.get('i', namespace)?.data?.['n'],
        value => value === '2',
      );
      await core.deleteNamespacedConfigMap({ name: 'i', namespace });
      await eventually(
        async () => informer.get('i', namespace),
        value => value === undefined,
      );
      expect(faults).toEqual([]);
    } finally {
      await informer.stop();
    }
  });
});
