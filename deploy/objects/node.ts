import { each, item, map, type Piece, text, type Tree, value, when } from '../source/tree.ts';
import { NAMESPACE } from '../source/tree.ts';
import {
  extraArgs,
  extraEnv,
  image,
  metricsDoor,
  probes,
  program,
  pullSecrets,
  resourcesOf,
  rootWith,
} from './container.ts';
import { apiServerEnv, LABELS, podLabels, RUN_DIR, STATE_DIR } from './names.ts';

const mount = (name: string, mountPath: string, more: { readonly [key: string]: Tree } = {}): Tree => ({
  name,
  mountPath,
  ...more,
});
const hostPath = (name: string, path: Tree, type: string): Tree => ({ name, hostPath: { path, type } });

/** Where the reference plugins keep what they gave (host-local: `networks/`). */
const CNI_STATE_DIR = '/var/lib/cni';
/** Where Flannel writes subnet.env. */
const FLANNEL_DIR = '/run/flannel';

const nodeName: Tree = { name: 'NODENAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } };

/** Runtimes mount /proc/sys read-only; who may mount may take that back. A failure shows in the agent's log as EROFS. */
const WRITABLE_SYSCTL = 'mount -o remount,bind,rw /proc/sys 2>/dev/null; exec "$@"';

/** A token that says which node this is, and the authority of the controllers, as soon as they have published it. */
const FANOUT_DIR = '/run/secrets/muslin-fanout';
const fanoutFlags: readonly Tree[] = [
  text('--fanout=muslin-fanout.', { release: 'Namespace' }, '.svc:', { setting: 'fanout.port' }),
  `--fanout-token=${FANOUT_DIR}/token`,
  `--fanout-ca=${FANOUT_DIR}/ca.crt`,
].map(flag => when('fanout.enabled', flag));
const fanoutVolume: Tree = {
  name: 'fanout',
  projected: {
    defaultMode: 0o400,
    sources: [
      { serviceAccountToken: { path: 'token', audience: 'muslin-fanout', expirationSeconds: 3600 } },
      {
        configMap: {
          name: 'muslin-fanout',
          optional: true,
          items: [{ key: 'ca.crt', path: 'ca.crt' }],
        },
      },
    ],
  },
};

const agent: Tree = {
  name: 'agent',
  ...image,
  command: [
    ...['sh', '-c', WRITABLE_SYSCTL, '--'],
    ...program('agent', '--run-dir', RUN_DIR, '--state-dir', STATE_DIR),
    ...['--established', value('agent.established')],
    ...['--dataplane', value('agent.dataplane')],
    ...['--prove', value('agent.prove'), '--flows', value('agent.flows'), '--rehearse', 'on'],
    ...['--keep-addresses', text({ setting: 'agent.keepAddresses' })],
    ...['--ip-autodetection', value('agent.ipAutodetection')],
    ...['--ip6-autodetection', value('agent.ip6Autodetection')],
    ...['--address-change', value('agent.addressChange')],
    ...['--iptables', value('agent.iptables'), '--refresh-ms', text({ setting: 'agent.refreshMs' })],
    ...fanoutFlags,
    extraArgs('agent'),
  ],
  env: [nodeName, ...apiServerEnv, extraEnv('agent')],
  // NET_ADMIN: links, routes, rules, sets. NET_RAW: iptables-legacy. SYS_ADMIN: enter a pod's namespace.
  // AppArmor's default profile forbids writing /proc/sys/net, which a router must.
  securityContext: when(
    'node.privileged',
    { privileged: true, readOnlyRootFilesystem: true },
    {
      runAsUser: 0,
      readOnlyRootFilesystem: true,
      // No allowPrivilegeEscalation: Kubernetes refuses to promise it beside SYS_ADMIN.
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'] },
      appArmorProfile: { type: 'Unconfined' },
    },
  ),
  ...probes('agent.sock', 'ready'),
  resources: resourcesOf('agent'),
  volumeMounts: [
    mount('run', RUN_DIR),
    mount('state', STATE_DIR),
    mount('netns', '/run/netns', { mountPropagation: 'HostToContainer' }),
    mount('xtables-lock', '/run/xtables.lock'),
    // iptables-legacy loads modules by itself where it may, and `muslinctl node checksystem` looks which there are.
    mount('modules', '/lib/modules', { readOnly: true }),
    when('fanout.enabled', mount('fanout', FANOUT_DIR, { readOnly: true })),
    when('cni.delegatedIpam', { name: 'cni-bin', mountPath: value('cni.binDir'), readOnly: true }),
    when('cni.delegatedIpam', mount('cni-state', CNI_STATE_DIR)),
    when('cni.delegatedIpam', mount('flannel', FLANNEL_DIR, { readOnly: true })),
  ],
};

const speaker: Tree = {
  name: 'speaker',
  ...image,
  command: program('speaker', '--run-dir', RUN_DIR, '--namespace', NAMESPACE, extraArgs('speaker')),
  env: [nodeName, ...apiServerEnv, extraEnv('speaker')],
  // NET_ADMIN: routes. NET_BIND_SERVICE: port 179. NET_RAW: router advertisements. SYS_NICE: BFD in real time.
  securityContext: rootWith('NET_ADMIN', 'NET_BIND_SERVICE', 'NET_RAW', 'SYS_NICE'),
  ...probes('speaker.sock', 'ready'),
  resources: resourcesOf('speaker'),
  volumeMounts: [mount('run', RUN_DIR)],
};

const installers: readonly Tree[] = [
  {
    name: 'install-cni',
    ...image,
    command: program('install-cni', ...['--bin-dir', '/host/cni-bin', '--cache', '/opt/muslin/shim']),
    securityContext: rootWith(),
    volumeMounts: [mount('cni-bin', '/host/cni-bin')],
  },
  {
    name: 'write-conflist',
    ...image,
    command: program(
      'write-conflist',
      ...['--file', text('/host/cni-conf/', { setting: 'cni.confName' })],
      ...['--mtu', text({ setting: 'cni.mtu' })],
    ),
    securityContext: rootWith(),
    volumeMounts: [
      mount('cni-bin', '/host/cni-bin', { readOnly: true }),
      mount('cni-conf', '/host/cni-conf'),
    ],
  },
];

/** Agent and speaker of every node: one pod, two containers, so that either restarts without the other. */
export const node: readonly Piece[] = [
  {
    when: [],
    about:
      'Agent and speaker of every node. A restart of either leaves rules and routes in the kernel; peers keep our\nroutes meanwhile (RFC 4724), so that nodes can be renewed one after the other under traffic.',
    object: {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'muslin-node', namespace: NAMESPACE, labels: LABELS },
      spec: {
        selector: { matchLabels: podLabels('node') },
        updateStrategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: value('node.maxUnavailable') },
        },
        minReadySeconds: 5,
        template: {
          metadata: {
            labels: { ...podLabels('node'), '...': map('node.podLabels') },
            annotations: map('node.podAnnotations'),
          },
          spec: {
            serviceAccountName: 'muslin-node',
            hostNetwork: true,
            // The controllers' Service has a name that only the cluster's DNS knows.
            dnsPolicy: when('fanout.enabled', 'ClusterFirstWithHostNet', 'ClusterFirst'),
            priorityClassName: value('node.priorityClassName'),
            terminationGracePeriodSeconds: 20,
            nodeSelector: map('node.nodeSelector'),
            tolerations: each('node.tolerations', item('record')),
            securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
            imagePullSecrets: pullSecrets,
            initContainers: installers,
            containers: [agent, speaker, metricsDoor(rootWith())],
            volumes: [
              hostPath('run', RUN_DIR, 'DirectoryOrCreate'),
              hostPath('state', STATE_DIR, 'DirectoryOrCreate'),
              hostPath('netns', '/run/netns', 'DirectoryOrCreate'),
              hostPath('xtables-lock', '/run/xtables.lock', 'FileOrCreate'),
              // A kernel without modules has no such folder.
              hostPath('modules', '/lib/modules', 'DirectoryOrCreate'),
              hostPath('cni-bin', value('cni.binDir'), 'DirectoryOrCreate'),
              hostPath('cni-conf', value('cni.confDir'), 'DirectoryOrCreate'),
              when('fanout.enabled', fanoutVolume),
              when('cni.delegatedIpam', hostPath('cni-state', CNI_STATE_DIR, 'DirectoryOrCreate')),
              when('cni.delegatedIpam', hostPath('flannel', FLANNEL_DIR, 'DirectoryOrCreate')),
            ],
          },
        },
      },
    },
  },
];
