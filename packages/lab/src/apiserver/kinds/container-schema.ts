import type { Schema } from '../schema/schema.ts';
import { listBy, listOf, shape, withDefault } from '../schema/shape.ts';

const text = (value: string) => withDefault({ type: 'string' }, value);
const whole = (value: number) => withDefault({ type: 'integer', format: 'int32' }, value);
const keySelector = shape(
  { name: 'string', 'key!': 'string', optional: 'bool' },
  { 'x-kubernetes-map-type': 'atomic' },
);
const fieldSelector = shape(
  { apiVersion: text('v1'), 'fieldPath!': 'string' },
  { 'x-kubernetes-map-type': 'atomic' },
);
const resourceSelector = shape(
  { containerName: 'string', 'resource!': 'string', divisor: 'quantity' },
  { 'x-kubernetes-map-type': 'atomic' },
);

/** ObjectFieldSelector and ResourceFieldSelector, also used by downward API volumes. */
export const fieldRef = fieldSelector;
export const resourceFieldRef = resourceSelector;

const httpHeaders = listOf(shape({ 'name!': 'string', value: 'string' }));
const httpGet = shape({
  path: text('/'),
  'port!': 'intOrString',
  host: 'string',
  scheme: text('HTTP'),
  httpHeaders,
});
const exec = shape({ command: 'string[]' });
const tcpSocket = shape({ 'port!': 'intOrString', host: 'string' });

const probe = shape({
  exec,
  httpGet,
  tcpSocket,
  grpc: shape({ 'port!': 'int32', service: text('') }),
  initialDelaySeconds: 'int32',
  timeoutSeconds: whole(1),
  periodSeconds: whole(10),
  successThreshold: whole(1),
  failureThreshold: whole(3),
  terminationGracePeriodSeconds: 'int64',
});

const handler = shape({ exec, httpGet, tcpSocket, sleep: shape({ 'seconds!': 'int64' }) });

export const seLinuxOptions = shape({ user: 'string', role: 'string', type: 'string', level: 'string' });
export const profile = shape({ 'type!': 'string', localhostProfile: 'string' });
export const windowsOptions = shape({
  gmsaCredentialSpecName: 'string',
  gmsaCredentialSpec: 'string',
  runAsUserName: 'string',
  hostProcess: 'bool',
});

const securityContext = shape({
  capabilities: shape({ add: 'string[]', drop: 'string[]' }),
  privileged: 'bool',
  seLinuxOptions,
  windowsOptions,
  runAsUser: 'int64',
  runAsGroup: 'int64',
  runAsNonRoot: 'bool',
  readOnlyRootFilesystem: 'bool',
  allowPrivilegeEscalation: 'bool',
  procMount: 'string',
  seccompProfile: profile,
  appArmorProfile: profile,
});

/** ResourceRequirements v1. */
export const resources = shape({
  limits: 'quantities',
  requests: 'quantities',
  claims: listBy(['name'], shape({ 'name!': 'string', request: 'string' })),
});

const container: Schema = shape({
  'name!': 'string',
  image: 'string',
  command: 'string[]',
  args: 'string[]',
  workingDir: 'string',
  ports: listBy(
    ['containerPort', 'protocol'],
    shape({
      name: 'string',
      hostPort: 'int32',
      'containerPort!': 'int32',
      protocol: text('TCP'),
      hostIP: 'string',
    }),
  ),
  envFrom: listOf(
    shape({
      prefix: 'string',
      configMapRef: shape({ name: 'string', optional: 'bool' }),
      secretRef: shape({ name: 'string', optional: 'bool' }),
    }),
  ),
  env: listBy(
    ['name'],
    shape({
      'name!': 'string',
      value: 'string',
      valueFrom: shape({
        fieldRef: fieldSelector,
        resourceFieldRef: resourceSelector,
        configMapKeyRef: keySelector,
        secretKeyRef: keySelector,
        fileKeyRef: shape({ 'volumeName!': 'string', 'path!': 'string', 'key!': 'string', optional: 'bool' }),
      }),
    }),
  ),
  resources: withDefault(resources, {}),
  resizePolicy: listOf(shape({ 'resourceName!': 'string', 'restartPolicy!': 'string' })),
  restartPolicy: 'string',
  restartPolicyRules: listOf(
    shape({ 'action!': 'string', exitCodes: shape({ 'operator!': 'string', values: 'int64[]' }) }),
  ),
  volumeMounts: listBy(
    ['mountPath'],
    shape({
      'name!': 'string',
      readOnly: 'bool',
      recursiveReadOnly: 'string',
      'mountPath!': 'string',
      subPath: 'string',
      mountPropagation: 'string',
      subPathExpr: 'string',
    }),
  ),
  volumeDevices: listBy(['devicePath'], shape({ 'name!': 'string', 'devicePath!': 'string' })),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: shape({ postStart: handler, preStop: handler, stopSignal: 'string' }),
  terminationMessagePath: text('/dev/termination-log'),
  terminationMessagePolicy: text('File'),
  imagePullPolicy: 'string',
  securityContext,
  stdin: 'bool',
  stdinOnce: 'bool',
  tty: 'bool',
});

export const containers = listBy(['name'], container);
export const ephemeralContainers = listBy(
  ['name'],
  shape({ ...container.properties, 'name!': 'string', targetContainerName: 'string' }),
);
