import { at, listAt, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { listBy, listOf, shape } from '../schema/shape.ts';
import { conditions, objectSchema } from './common-schema.ts';
import { AGE_COLUMN, builtIn, type Column, NAME_COLUMN } from './kind.ts';

const configSource = shape({
  configMap: shape({
    'namespace!': 'string',
    'name!': 'string',
    uid: 'string',
    resourceVersion: 'string',
    'kubeletConfigKey!': 'string',
  }),
});

const ROLE = 'node-role.kubernetes.io/';

function roles(object: KubeObject): string {
  const labels = object.metadata.labels ?? {};
  const names = Object.keys(labels).filter(key => key.startsWith(ROLE) && key !== ROLE);
  const found = [...names.map(key => key.slice(ROLE.length)), labels['kubernetes.io/role'] ?? ''].filter(
    name => name !== '',
  );
  return found.length === 0 ? '<none>' : [...new Set(found)].sort().join(',');
}

function statusText(object: KubeObject): string {
  const ready = listAt(object, 'status', 'conditions').find(
    condition => textAt(condition, 'type') === 'Ready',
  );
  const word = ready === undefined ? 'Unknown' : textAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return at(object, 'spec', 'unschedulable') === true ? `${word},SchedulingDisabled` : word;
}

function info(name: string, field: string): Column {
  return {
    name,
    type: 'string',
    priority: 1,
    read: object => textAt(object, 'status', 'nodeInfo', field) || '<unknown>',
  };
}

function address(name: string, type: string): Column {
  return {
    name,
    type: 'string',
    priority: 1,
    read: object => {
      const found = listAt(object, 'status', 'addresses').find(item => textAt(item, 'type') === type);
      return textAt(found, 'address') || '<none>';
    },
  };
}

/** Node v1. */
export const node = builtIn({
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
  selectable: {
    'spec.unschedulable': object => String(at(object, 'spec', 'unschedulable') ?? false),
  },
  schema: objectSchema('Node is a worker node in Kubernetes.', {
    spec: shape({
      podCIDR: 'string',
      podCIDRs: 'set[]',
      providerID: 'string',
      unschedulable: 'bool',
      taints: listOf(shape({ 'key!': 'string', value: 'string', 'effect!': 'string', timeAdded: 'time' })),
      configSource,
      externalID: 'string',
    }),
    status: shape({
      capacity: 'quantities',
      allocatable: 'quantities',
      phase: 'string',
      conditions,
      addresses: listBy(['type'], shape({ 'type!': 'string', 'address!': 'string' })),
      daemonEndpoints: shape({ kubeletEndpoint: shape({ 'Port!': 'int32' }) }),
      nodeInfo: shape({
        machineID: 'string',
        systemUUID: 'string',
        bootID: 'string',
        kernelVersion: 'string',
        osImage: 'string',
        containerRuntimeVersion: 'string',
        kubeletVersion: 'string',
        kubeProxyVersion: 'string',
        operatingSystem: 'string',
        architecture: 'string',
        swap: shape({ capacity: 'int64' }),
      }),
      images: listOf(shape({ names: 'string[]', sizeBytes: 'int64' })),
      volumesInUse: 'string[]',
      volumesAttached: listOf(shape({ 'name!': 'string', 'devicePath!': 'string' })),
      config: shape({
        assigned: configSource,
        active: configSource,
        lastKnownGood: configSource,
        error: 'string',
      }),
      runtimeHandlers: listOf(
        shape({
          name: 'string',
          features: shape({ recursiveReadOnlyMounts: 'bool', userNamespaces: 'bool' }),
        }),
      ),
      features: shape({ supplementalGroupsPolicy: 'bool' }),
      declaredFeatures: 'string[]',
    }),
  }),
  columns: [
    NAME_COLUMN,
    { name: 'Status', type: 'string', read: statusText },
    { name: 'Roles', type: 'string', read: roles },
    AGE_COLUMN,
    {
      name: 'Version',
      type: 'string',
      read: object => textAt(object, 'status', 'nodeInfo', 'kubeletVersion'),
    },
    address('Internal-IP', 'InternalIP'),
    address('External-IP', 'ExternalIP'),
    info('OS-Image', 'osImage'),
    info('Kernel-Version', 'kernelVersion'),
    info('Container-Runtime', 'containerRuntimeVersion'),
  ],
});
