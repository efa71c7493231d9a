import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldRequired,
  fieldUnsupported,
} from '../field-error.ts';
import { at, type Json, type JsonObject, listAt, objectAt, sameJson, textAt } from '../json.ts';
import type { KubeObject } from '../kube-object.ts';
import { parseQuantity } from '../schema/quantity.ts';
import type { Cause } from '../status.ts';
import { builtIn } from './kind.ts';
import { checkName } from './name.ts';
import { podColumns } from './pod-columns.ts';
import { podSchema } from './pod-schema.ts';

/** Pod v1. Deletion with grace is in serve/delete.ts, binding in serve/bind-pod.ts. */
export const pod = builtIn({
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  schema: podSchema,
  columns: podColumns,
  selectable: {
    'spec.nodeName': object => textAt(object, 'spec', 'nodeName'),
    'spec.restartPolicy': object => textAt(object, 'spec', 'restartPolicy'),
    'spec.schedulerName': object => textAt(object, 'spec', 'schedulerName'),
    'spec.serviceAccountName': object => textAt(object, 'spec', 'serviceAccountName'),
    'spec.hostNetwork': object => String(at(object, 'spec', 'hostNetwork') ?? false),
    'status.phase': object => textAt(object, 'status', 'phase'),
    'status.podIP': object => textAt(object, 'status', 'podIP'),
    'status.nominatedNodeName': object => textAt(object, 'status', 'nominatedNodeName'),
  },
  subresources: [
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
  ],
  strategy: {
    create: object => ({ ...object, status: { phase: 'Pending', qosClass: qosClass(object) } }),
    complete,
    validate,
    validateUpdate,
  },
});

/** `latest` and untagged images are pulled always (Kubernetes, Images, Default image pull policy). */
function pullPolicy(image: string): string {
  const tag = /:([^:/@]+)$/.exec(image.split('@')[0] ?? '')?.[1];
  return image.includes('@') || (tag !== undefined && tag !== 'latest') ? 'IfNotPresent' : 'Always';
}

function complete(object: KubeObject): KubeObject {
  const spec = objectAt(object, 'spec');
  const account = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount') || 'default';
  const fill = (container: Json): JsonObject => ({
    ...objectAt(container),
    imagePullPolicy: textAt(container, 'imagePullPolicy') || pullPolicy(textAt(container, 'image')),
    ...(spec['hostNetwork'] === true && listAt(container, 'ports').length > 0
      ? {
          ports: listAt(container, 'ports').map(port => ({
            hostPort: at(port, 'containerPort'),
            ...objectAt(port),
          })),
        }
      : {}),
  });
  const filled: Record<string, Json> = {};
  for (const field of ['initContainers', 'containers']) {
    if (spec[field] !== undefined) filled[field] = listAt(spec, field).map(fill);
  }
  return { ...object, spec: { ...spec, ...filled, serviceAccountName: account, serviceAccount: account } };
}

function qosClass(object: KubeObject): string {
  const all = [...listAt(object, 'spec', 'containers'), ...listAt(object, 'spec', 'initContainers')];
  const cells = all.flatMap(container =>
    ['cpu', 'memory'].map(name => {
      const limit = at(container, 'resources', 'limits', name);
      return { limit, request: at(container, 'resources', 'requests', name) ?? limit };
    }),
  );
  if (cells.every(cell => cell.request === undefined)) return 'BestEffort';
  return cells.every(
    cell =>
      cell.limit !== undefined && parseQuantity(String(cell.limit)) === parseQuantity(String(cell.request)),
  )
    ? 'Guaranteed'
    : 'Burstable';
}

function validate(object: KubeObject): readonly Cause[] {
  const spec = objectAt(object, 'spec');
  const causes: Cause[] = [];
  const volumes = new Set(listAt(spec, 'volumes').map(volume => textAt(volume, 'name')));
  const names = new Set<string>();
  for (const field of ['containers', 'initContainers']) {
    listAt(spec, field).forEach((container, i) => {
      const path = `spec.${field}[${i}]`;
      const name = textAt(container, 'name');
      if (name === '') causes.push(fieldRequired(`${path}.name`));
      else {
        causes.push(...checkName(name, 'label', `${path}.name`));
        if (names.has(name)) causes.push(fieldDuplicate(`${path}.name`, name));
        names.add(name);
      }
      if (textAt(container, 'image') === '') causes.push(fieldRequired(`${path}.image`));
      listAt(container, 'ports').forEach((port, j) => {
        causes.push(...checkPort(port, `${path}.ports[${j}]`));
      });
      listAt(container, 'volumeMounts').forEach((mount, j) => {
        const volume = textAt(mount, 'name');
        if (!volumes.has(volume)) causes.push(fieldNotFound(`${path}.volumeMounts[${j}].name`, volume));
      });
    });
  }
  if (listAt(spec, 'containers').length === 0) causes.push(fieldRequired('spec.containers'));
  const policies = ['Always', 'OnFailure', 'Never'];
  const policy = textAt(spec, 'restartPolicy');
  if (!policies.includes(policy)) causes.push(fieldUnsupported('spec.restartPolicy', policy, policies));
  const dns = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
  const dnsPolicy = textAt(spec, 'dnsPolicy');
  if (!dns.includes(dnsPolicy)) causes.push(fieldUnsupported('spec.dnsPolicy', dnsPolicy, dns));
  return causes;
}

function checkPort(port: Json, path: string): readonly Cause[] {
  const [number, protocol] = [at(port, 'containerPort'), textAt(port, 'protocol')];
  const causes: Cause[] = [];
  if (number === undefined) causes.push(fieldRequired(`${path}.containerPort`));
  else if (typeof number !== 'number' || number < 1 || number > 65535) {
    causes.push(fieldInvalid(`${path}.containerPort`, number, 'must be between 1 and 65535, inclusive'));
  }
  if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) {
    causes.push(fieldUnsupported(`${path}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
  }
  return causes;
}

const MUTABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** The part of a pod's spec that may never change (Kubernetes, Pods, Pod update and replacement). */
function frozen(object: KubeObject): Json {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    ...spec
  } = objectAt(object, 'spec');
  const withoutImages = (field: string) =>
    listAt(spec, field).map(container => {
      const { image: _image, ...rest } = objectAt(container);
      return rest;
    });
  return {
    ...spec,
    containers: withoutImages('containers'),
    initContainers: withoutImages('initContainers'),
  };
}

function validateUpdate(next: KubeObject, old: KubeObject): readonly Cause[] {
  const kept = listAt(old, 'spec', 'tolerations').every(item =>
    listAt(next, 'spec', 'tolerations').some(other => textAt(other, 'key') === textAt(item, 'key')),
  );
  return sameJson(frozen(next), frozen(old)) && kept ? [] : [fieldForbidden('spec', MUTABLE)];
}
