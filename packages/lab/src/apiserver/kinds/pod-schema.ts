import type { Schema } from '../schema/schema.ts';
import { listBy, listOf, shape, withDefault } from '../schema/shape.ts';
import { conditions, labelSelector, localReference, objectSchema } from './common-schema.ts';
import {
  containers,
  ephemeralContainers,
  profile,
  resources,
  seLinuxOptions,
  windowsOptions,
} from './container-schema.ts';
import { volumes } from './volume-schema.ts';

const text = (value: string) => withDefault({ type: 'string' }, value);

const toleration = shape({
  key: 'string',
  operator: 'string',
  value: 'string',
  effect: 'string',
  tolerationSeconds: 'int64',
});

const requirement = shape({ 'key!': 'string', 'operator!': 'string', values: 'string[]' });
const nodeTerm = shape(
  { matchExpressions: listOf(requirement), matchFields: listOf(requirement) },
  { 'x-kubernetes-map-type': 'atomic' },
);
const podTerm = shape({
  labelSelector,
  namespaces: 'string[]',
  'topologyKey!': 'string',
  namespaceSelector: labelSelector,
  matchLabelKeys: 'string[]',
  mismatchLabelKeys: 'string[]',
});
const weighted = listOf(shape({ 'weight!': 'int32', 'podAffinityTerm!': podTerm }));
const podAffinity = shape({
  requiredDuringSchedulingIgnoredDuringExecution: listOf(podTerm),
  preferredDuringSchedulingIgnoredDuringExecution: weighted,
});
const affinity = shape({
  nodeAffinity: shape({
    requiredDuringSchedulingIgnoredDuringExecution: shape({ nodeSelectorTerms: listOf(nodeTerm) }),
    preferredDuringSchedulingIgnoredDuringExecution: listOf(
      shape({ 'weight!': 'int32', 'preference!': nodeTerm }),
    ),
  }),
  podAffinity,
  podAntiAffinity: podAffinity,
});

const securityContext = shape({
  seLinuxOptions,
  windowsOptions,
  runAsUser: 'int64',
  runAsGroup: 'int64',
  runAsNonRoot: 'bool',
  supplementalGroups: 'int64[]',
  supplementalGroupsPolicy: 'string',
  fsGroup: 'int64',
  sysctls: listOf(shape({ 'name!': 'string', 'value!': 'string' })),
  fsGroupChangePolicy: 'string',
  seccompProfile: profile,
  appArmorProfile: profile,
  seLinuxChangePolicy: 'string',
});

const state = shape({
  waiting: shape({ reason: 'string', message: 'string' }),
  running: shape({ startedAt: 'time' }),
  terminated: shape({
    'exitCode!': 'int32',
    signal: 'int32',
    reason: 'string',
    message: 'string',
    startedAt: 'time',
    finishedAt: 'time',
    containerID: 'string',
  }),
});
const containerStatuses = listOf(
  shape({
    name: 'string',
    state,
    lastState: state,
    ready: 'bool',
    restartCount: 'int32',
    image: 'string',
    imageID: 'string',
    containerID: 'string',
    started: 'bool',
    allocatedResources: 'quantities',
    resources,
    volumeMounts: listOf(
      shape({ name: 'string', mountPath: 'string', readOnly: 'bool', recursiveReadOnly: 'string' }),
    ),
    user: 'any',
    allocatedResourcesStatus: listOf({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
    stopSignal: 'string',
  }),
);

const ips = (field: string) => listBy([field], shape({ [`${field}!`]: 'string' }));

/** PodSpec v1, with the defaults that do not depend on other fields. */
const podSpec: Schema = shape({
  volumes,
  initContainers: containers,
  containers,
  ephemeralContainers,
  restartPolicy: text('Always'),
  terminationGracePeriodSeconds: withDefault({ type: 'integer', format: 'int64' }, 30),
  activeDeadlineSeconds: 'int64',
  dnsPolicy: text('ClusterFirst'),
  nodeSelector: {
    type: 'object',
    additionalProperties: { type: 'string' },
    'x-kubernetes-map-type': 'atomic',
  },
  serviceAccountName: 'string',
  serviceAccount: 'string',
  automountServiceAccountToken: 'bool',
  nodeName: 'string',
  hostNetwork: 'bool',
  hostPID: 'bool',
  hostIPC: 'bool',
  shareProcessNamespace: 'bool',
  securityContext: withDefault(securityContext, {}),
  imagePullSecrets: listBy(['name'], localReference),
  hostname: 'string',
  subdomain: 'string',
  hostnameOverride: 'string',
  affinity,
  schedulerName: text('default-scheduler'),
  tolerations: listOf(toleration),
  hostAliases: listBy(['ip'], shape({ 'ip!': 'string', hostnames: 'string[]' })),
  priorityClassName: 'string',
  priority: 'int32',
  dnsConfig: shape({
    nameservers: 'string[]',
    searches: 'string[]',
    options: listOf(shape({ name: 'string', value: 'string' })),
  }),
  readinessGates: listOf(shape({ 'conditionType!': 'string' })),
  runtimeClassName: 'string',
  enableServiceLinks: withDefault({ type: 'boolean' }, true),
  preemptionPolicy: 'string',
  overhead: 'quantities',
  topologySpreadConstraints: listBy(
    ['topologyKey', 'whenUnsatisfiable'],
    shape({
      'maxSkew!': 'int32',
      'topologyKey!': 'string',
      'whenUnsatisfiable!': 'string',
      labelSelector,
      minDomains: 'int32',
      nodeAffinityPolicy: 'string',
      nodeTaintsPolicy: 'string',
      matchLabelKeys: 'string[]',
    }),
  ),
  setHostnameAsFQDN: 'bool',
  os: shape({ 'name!': 'string' }),
  hostUsers: 'bool',
  schedulingGates: listBy(['name'], shape({ 'name!': 'string' })),
  resourceClaims: listBy(
    ['name'],
    shape({ 'name!': 'string', resourceClaimName: 'string', resourceClaimTemplateName: 'string' }),
  ),
  resources,
});

/** Pod v1. */
export const podSchema = objectSchema('Pod is a collection of containers that can run on a host.', {
  spec: podSpec,
  status: shape({
    observedGeneration: 'int64',
    phase: 'string',
    conditions,
    message: 'string',
    reason: 'string',
    nominatedNodeName: 'string',
    hostIP: 'string',
    hostIPs: ips('ip'),
    podIP: 'string',
    podIPs: ips('ip'),
    startTime: 'time',
    initContainerStatuses: containerStatuses,
    containerStatuses,
    qosClass: 'string',
    ephemeralContainerStatuses: containerStatuses,
    resize: 'string',
    resourceClaimStatuses: listOf(shape({ 'name!': 'string', resourceClaimName: 'string' })),
    allocatedResources: 'quantities',
    resources,
  }),
});
