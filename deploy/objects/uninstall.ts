import { map, NAMESPACE, type Piece, text, value } from '../source/tree.ts';
import { image, program, pullSecrets, rootWith } from './container.ts';
import { LABELS, podLabels, RUN_DIR, STATE_DIR } from './names.ts';

const hostPath = (name: string, path: string | ReturnType<typeof value>) => ({
  name,
  hostPath: { path, type: 'DirectoryOrCreate' },
});

/** Applied after the rest is deleted; ready on a node once nothing of Muslin is left there. */
export const uninstall: readonly Piece[] = [
  {
    when: [],
    about:
      'Removes what Muslin left on every node: CNI files, rules, sets, routes, state. Apply it after the installation is\ndeleted, wait until it is rolled out, and delete it: docs/operations.md, "Uninstall".',
    object: {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'muslin-uninstall', namespace: NAMESPACE, labels: LABELS },
      spec: {
        selector: { matchLabels: podLabels('uninstall') },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
        template: {
          metadata: { labels: podLabels('uninstall') },
          spec: {
            automountServiceAccountToken: false,
            hostNetwork: true,
            priorityClassName: 'system-node-critical',
            terminationGracePeriodSeconds: 1,
            nodeSelector: map('node.nodeSelector'),
            tolerations: [{ operator: 'Exists' }],
            securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
            imagePullSecrets: pullSecrets,
            initContainers: [
              {
                name: 'uninstall',
                ...image,
                command: program(
                  'uninstall',
                  ...['--conflist', text('/host/cni-conf/', { setting: 'cni.confName' })],
                  ...['--bin-dir', '/host/cni-bin', '--run-dir', RUN_DIR, '--state-dir', STATE_DIR],
                ),
                securityContext: rootWith('NET_ADMIN', 'NET_RAW'),
                volumeMounts: [
                  { name: 'run', mountPath: RUN_DIR },
                  { name: 'state', mountPath: STATE_DIR },
                  { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
                  { name: 'cni-bin', mountPath: '/host/cni-bin' },
                  { name: 'cni-conf', mountPath: '/host/cni-conf' },
                ],
              },
            ],
            containers: [
              { name: 'done', ...image, command: ['sleep', 'infinity'], securityContext: rootWith() },
            ],
            volumes: [
              hostPath('run', RUN_DIR),
              hostPath('state', STATE_DIR),
              { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
              hostPath('cni-bin', value('cni.binDir')),
              hostPath('cni-conf', value('cni.confDir')),
            ],
          },
        },
      },
    },
  },
];
