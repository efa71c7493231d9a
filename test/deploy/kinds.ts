import type { Fields, Shape } from './shape.ts';

/** Fields of the kinds that the lab's API server doesn't serve, as far as deploy/ uses them (Kubernetes 1.36 API reference). */
const metadata: Fields = { 'name!': 'text', namespace: 'text', labels: { '*': 'text' } };
const selector: Fields = { 'matchLabels!': { '*': 'text' } };
const object = (fields: Fields): Fields => ({
  'apiVersion!': 'text',
  'kind!': 'text',
  'metadata!': metadata,
  ...fields,
});

const probe: Fields = {
  'exec!': { 'command!': ['text'] },
  periodSeconds: 'number',
  timeoutSeconds: 'number',
  failureThreshold: 'number',
};
const securityContext: Fields = {
  runAsUser: 'number',
  privileged: 'yes-no',
  allowPrivilegeEscalation: 'yes-no',
  readOnlyRootFilesystem: 'yes-no',
  capabilities: { drop: ['text'], add: ['text'] },
  appArmorProfile: { 'type!': 'text' },
};
const container: Fields = {
  'name!': 'text',
  'image!': 'text',
  imagePullPolicy: 'text',
  command: ['text'],
  env: [{ 'name!': 'text', value: 'text', valueFrom: { 'fieldRef!': { 'fieldPath!': 'text' } } }],
  ports: [{ name: 'text', 'containerPort!': 'number', protocol: 'text' }],
  'securityContext!': securityContext,
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  resources: { requests: { '*': 'text' }, limits: { '*': 'text' } },
  volumeMounts: [{ 'name!': 'text', 'mountPath!': 'text', readOnly: 'yes-no', mountPropagation: 'text' }],
};
const podSpec: Fields = {
  serviceAccountName: 'text',
  automountServiceAccountToken: 'yes-no',
  hostNetwork: 'yes-no',
  dnsPolicy: 'text',
  'priorityClassName!': 'text',
  terminationGracePeriodSeconds: 'number',
  nodeSelector: { '*': 'text' },
  tolerations: [{ key: 'text', operator: 'text', value: 'text', effect: 'text' }],
  affinity: {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { 'weight!': 'number', 'podAffinityTerm!': { 'labelSelector!': selector, 'topologyKey!': 'text' } },
      ],
    },
  },
  'securityContext!': {
    runAsNonRoot: 'yes-no',
    runAsUser: 'number',
    runAsGroup: 'number',
    fsGroup: 'number',
    'seccompProfile!': { 'type!': 'text' },
  },
  imagePullSecrets: [{ 'name!': 'text' }],
  initContainers: [container],
  'containers!': [container],
  volumes: [
    {
      'name!': 'text',
      hostPath: { 'path!': 'text', type: 'text' },
      emptyDir: { medium: 'text', sizeLimit: 'text' },
      projected: {
        defaultMode: 'number',
        sources: [
          {
            serviceAccountToken: { 'path!': 'text', audience: 'text', expirationSeconds: 'number' },
            configMap: { name: 'text', optional: 'yes-no', items: [{ 'key!': 'text', 'path!': 'text' }] },
          },
        ],
      },
    },
  ],
};
const template: Fields = {
  'metadata!': { 'labels!': { '*': 'text' }, annotations: { '*': 'text' } },
  'spec!': podSpec,
};
const strategy: Fields = {
  'type!': 'text',
  rollingUpdate: { maxUnavailable: 'int-or-text', maxSurge: 'int-or-text' },
};
const role: Fields = object({
  'rules!': [{ 'apiGroups!': ['text'], 'resources!': ['text'], resourceNames: ['text'], 'verbs!': ['text'] }],
});
const binding: Fields = object({
  'roleRef!': { 'apiGroup!': 'text', 'kind!': 'text', 'name!': 'text' },
  'subjects!': [{ 'kind!': 'text', 'name!': 'text', 'namespace!': 'text' }],
});

export const KINDS: Readonly<Record<string, Shape>> = {
  'apps/v1 DaemonSet': object({
    'spec!': {
      'selector!': selector,
      updateStrategy: strategy,
      minReadySeconds: 'number',
      'template!': template,
    },
  }),
  'apps/v1 Deployment': object({
    'spec!': { replicas: 'number', 'selector!': selector, strategy, 'template!': template },
  }),
  'v1 Service': object({
    'spec!': {
      clusterIP: 'text',
      selector: { '*': 'text' },
      ports: [{ name: 'text', 'port!': 'number', targetPort: 'int-or-text', protocol: 'text' }],
    },
  }),
  'policy/v1 PodDisruptionBudget': object({
    'spec!': { maxUnavailable: 'int-or-text', minAvailable: 'int-or-text', 'selector!': selector },
  }),
  'rbac.authorization.k8s.io/v1 ClusterRole': role,
  'rbac.authorization.k8s.io/v1 Role': role,
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': binding,
  'rbac.authorization.k8s.io/v1 RoleBinding': binding,
  'monitoring.coreos.com/v1 ServiceMonitor': object({
    'spec!': {
      'selector!': selector,
      namespaceSelector: { matchNames: ['text'] },
      'endpoints!': [
        {
          'port!': 'text',
          path: 'text',
          interval: 'text',
          relabelings: [{ sourceLabels: ['text'], 'targetLabel!': 'text' }],
        },
      ],
    },
  }),
};
