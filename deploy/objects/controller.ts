import { each, item, map, NAMESPACE, type Piece, text, value, when } from '../source/tree.ts';
import {
  extraArgs,
  extraEnv,
  image,
  metricsDoor,
  probes,
  program,
  pullSecrets,
  resourcesOf,
} from './container.ts';
import { apiServerEnv, LABELS, podLabels, RUN_DIR } from './names.ts';

const metadata = { name: 'muslin-controller', namespace: NAMESPACE, labels: LABELS };
const selector = { matchLabels: podLabels('controller') };
const ANYWHERE = [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }];
const UNPRIVILEGED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
/** The user of the image (Dockerfile). */
const NOBODY = 65532;

export const controller: readonly Piece[] = [
  {
    when: [],
    about:
      'Controllers: one leads, the other stands by. They carry no traffic and need no privilege on their node.',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: value('controller.replicas'),
        selector,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
        template: {
          metadata: {
            labels: { ...podLabels('controller'), '...': map('controller.podLabels') },
            annotations: map('controller.podAnnotations'),
          },
          spec: {
            serviceAccountName: 'muslin-controller',
            priorityClassName: value('controller.priorityClassName'),
            terminationGracePeriodSeconds: 20,
            nodeSelector: map('controller.nodeSelector'),
            tolerations: each('controller.tolerations', item('record')),
            // Preferred, not required: a cluster of one node should still have its controller.
            affinity: {
              podAntiAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  {
                    weight: 100,
                    podAffinityTerm: { labelSelector: selector, topologyKey: 'kubernetes.io/hostname' },
                  },
                ],
              },
            },
            securityContext: {
              runAsNonRoot: true,
              runAsUser: NOBODY,
              runAsGroup: NOBODY,
              fsGroup: NOBODY,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            imagePullSecrets: pullSecrets,
            containers: [
              {
                name: 'controller',
                ...image,
                command: program(
                  'controller',
                  ...[
                    '--run-dir',
                    RUN_DIR,
                    '--namespace',
                    NAMESPACE,
                    '--garbage',
                    value('controller.garbage'),
                    when('fanout.enabled', text('--fanout-listen=:', { setting: 'fanout.port' })),
                    extraArgs('controller'),
                  ],
                ),
                env: [...apiServerEnv, extraEnv('controller')],
                securityContext: UNPRIVILEGED,
                ports: when('fanout.enabled', [
                  { name: 'fanout', containerPort: value('fanout.port'), protocol: 'TCP' },
                ]),
                ...probes('controller.sock', 'synced'),
                resources: resourcesOf('controller'),
                volumeMounts: [{ name: 'run', mountPath: RUN_DIR }],
              },
              metricsDoor(UNPRIVILEGED),
            ],
            volumes: [{ name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
          },
        },
      },
    },
  },
  {
    when: [],
    about: 'Draining nodes never takes both controllers at once.',
    object: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { maxUnavailable: 1, selector },
    },
  },
  {
    when: ['fanout.enabled'],
    about: 'Where nodes ask controllers what concerns them: whichever is ready.',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'muslin-fanout', namespace: NAMESPACE, labels: LABELS },
      spec: {
        selector: podLabels('controller'),
        ports: [{ name: 'fanout', port: value('fanout.port'), targetPort: 'fanout', protocol: 'TCP' }],
      },
    },
  },
  {
    when: ['networkPolicy.enabled'],
    about:
      'Controllers are asked nothing but their metrics, and talk to the API server alone. Pods of nodes use the network of\ntheir host, which NetworkPolicies do not cover.',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata,
      spec: {
        podSelector: selector,
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          when('metrics.enabled', { ports: [{ protocol: 'TCP', port: value('metrics.port') }] }),
          // Nodes have no label to select them by; whom to answer their certificates say.
          when('fanout.enabled', { ports: [{ protocol: 'TCP', port: value('fanout.port') }] }),
        ],
        egress: [
          {
            to: ANYWHERE,
            ports: each('networkPolicy.apiServerPorts', { protocol: 'TCP', port: item('integer') }),
          },
        ],
      },
    },
  },
];
