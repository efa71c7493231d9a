/** What a person may set when installing: one row gives the default, its comment, its schema and its type. */
export interface Setting {
  /** `agent.refreshMs`: the place in values.yaml. */
  readonly path: string;
  readonly about: string;
  readonly shape: Shape;
}

type Shape =
  | {
      readonly type: 'string';
      readonly value: string;
      readonly pattern?: string;
      readonly oneOf?: readonly string[];
    }
  | { readonly type: 'integer'; readonly value: number; readonly min: number; readonly max: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | {
      readonly type: 'integers';
      readonly value: readonly number[];
      readonly min: number;
      readonly max: number;
    }
  | { readonly type: 'map'; readonly value: Readonly<Record<string, string>> }
  /** A list of maps of strings; each field with the words that it may be, or none. */
  | {
      readonly type: 'records';
      readonly value: readonly Readonly<Record<string, string>>[];
      readonly fields: Readonly<Record<string, readonly string[]>>;
    };

const string = (value: string, more: { pattern?: string; oneOf?: readonly string[] } = {}): Shape => ({
  type: 'string',
  value,
  ...more,
});
const integer = (value: number, min: number, max: number): Shape => ({ type: 'integer', value, min, max });
const yesNo = (value: boolean): Shape => ({ type: 'boolean', value });
const map = (value: Readonly<Record<string, string>>): Shape => ({ type: 'map', value });
const METHOD = '^(kubernetes-internal-ip|first-found|(can-reach|interface|skip-interface|cidr)=[^ ]+)$';
const ABSOLUTE = '^/[A-Za-z0-9._/-]+$';

const resources = (program: string, cpu: string, memory: string, limit: string): readonly Setting[] => [
  {
    path: `${program}.resources.requests`,
    about: `What the scheduler keeps free for the ${program}.`,
    shape: map({ cpu, memory }),
  },
  {
    path: `${program}.resources.limits`,
    about: `Hard limits of the ${program}. No CPU limit on purpose: throttling delays policy.`,
    shape: map({ memory: limit }),
  },
];

const tolerations = (...value: readonly Readonly<Record<string, string>>[]): Shape => ({
  type: 'records',
  value,
  fields: {
    ...{ key: [], operator: ['Exists', 'Equal'], value: [] },
    effect: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
  },
});

/** What goes along with a program unasked. */
const extras = (program: string): readonly Setting[] => [
  {
    path: `${program}.env`,
    about: `Further variables for the ${program}: a list of {name, value}.`,
    shape: { type: 'records', value: [], fields: { name: [], value: [] } },
  },
  {
    path: `${program}.args`,
    about: `Further options of the ${program}, as its --help lists them; the last of two counts.`,
    shape: { type: 'strings', value: [] },
  },
];

/** How the pods of a workload are placed and marked. */
const placing = (workload: string, priority: string): readonly Setting[] => [
  {
    path: `${workload}.priorityClassName`,
    about: 'PriorityClass of its pods: who has to make room when a node is full.',
    shape: string(priority, { pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' }),
  },
  { path: `${workload}.podLabels`, about: 'Further labels of its pods.', shape: map({}) },
  { path: `${workload}.podAnnotations`, about: 'Annotations of its pods.', shape: map({}) },
];

/** Integers stay below 1000000: Go templates print greater ones as 1e+06. */
export const SETTINGS: readonly Setting[] = [
  {
    path: 'image.repository',
    about: 'Image that holds all programs; deploy/Dockerfile builds it.',
    shape: string('muslin', { pattern: '^[a-z0-9][a-zA-Z0-9._:/-]*$' }),
  },
  {
    path: 'image.tag',
    about: 'Its tag, or tag@sha256:digest.',
    shape: string('0.1.0', { pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$' }),
  },
  {
    path: 'image.pullPolicy',
    about: 'IfNotPresent, Always or Never.',
    shape: string('IfNotPresent', { oneOf: ['IfNotPresent', 'Always', 'Never'] }),
  },
  {
    path: 'image.pullSecrets',
    about: 'Names of Secrets of type kubernetes.io/dockerconfigjson in the same namespace.',
    shape: { type: 'strings', value: [] },
  },
  {
    path: 'apiServer.host',
    about: 'Address of the API server for nodes without kube-proxy; empty: the kubernetes Service.',
    shape: string(''),
  },
  {
    path: 'apiServer.port',
    about: 'Its port, used together with apiServer.host.',
    shape: integer(6443, 1, 65535),
  },
  {
    path: 'node.privileged',
    about:
      'Full privileges for the agent: only for hosts whose SELinux policy refuses the short list of capabilities.',
    shape: yesNo(false),
  },
  {
    path: 'node.nodeSelector',
    about: 'Nodes that Muslin runs on: all that carry pods of this network.',
    shape: map({ 'kubernetes.io/os': 'linux' }),
  },
  {
    path: 'node.tolerations',
    about: 'Taints that keep Muslin from no node: all of them, as a node without network is of no use.',
    shape: tolerations({ operator: 'Exists' }),
  },
  {
    path: 'node.maxUnavailable',
    about: 'Nodes that are renewed at a time when the DaemonSet changes.',
    shape: integer(1, 1, 1000),
  },
  ...placing('node', 'system-node-critical'),
  {
    path: 'cni.binDir',
    about: 'Where the container runtime looks for CNI plugins.',
    shape: string('/opt/cni/bin', { pattern: ABSOLUTE }),
  },
  {
    path: 'cni.confDir',
    about: 'Where it looks for network configurations.',
    shape: string('/etc/cni/net.d', { pattern: ABSOLUTE }),
  },
  {
    path: 'cni.confName',
    about: 'File written there; the runtime takes the first by name.',
    shape: string('10-muslin.conflist', { pattern: '^[A-Za-z0-9._-]+\\.conflist$' }),
  },
  {
    path: 'cni.delegatedIpam',
    about:
      'Whether `ipam` of the network configuration may name another plugin, such as host-local: the agent runs it.',
    shape: yesNo(false),
  },
  {
    path: 'cni.mtu',
    about: 'MTU of pods; 0: that of the link with the default route.',
    shape: integer(0, 0, 65535),
  },
  {
    path: 'agent.established',
    about: 'cut or keep: what becomes of connections that a changed policy denies.',
    shape: string('cut', { oneOf: ['cut', 'keep'] }),
  },
  {
    path: 'agent.dataplane',
    about:
      'auto, iptables or nftables; auto: as FelixConfigurations say, else nftables where kube-proxy uses it.',
    shape: string('auto', { oneOf: ['auto', 'iptables', 'nftables'] }),
  },
  {
    path: 'agent.iptables',
    about: 'auto, nft or legacy; auto takes the one that kubelet and kube-proxy use.',
    shape: string('auto', { oneOf: ['auto', 'nft', 'legacy'] }),
  },
  {
    path: 'agent.prove',
    about:
      'enforce, warn or off: rules that are not proved to mean what policies mean stay out, or are told of.',
    shape: string('enforce', { oneOf: ['enforce', 'warn', 'off'] }),
  },
  {
    path: 'agent.flows',
    about: 'on or off: whether rules tell of packets that they deny (muslinctl flows).',
    shape: string('on', { oneOf: ['on', 'off'] }),
  },
  {
    path: 'agent.keepAddresses',
    about:
      'Free addresses of each own block that a node keeps in hand: pods get them even while the API server is away.',
    shape: integer(16, 0, 64),
  },
  {
    path: 'agent.ipAutodetection',
    about:
      'How nodes find the IPv4 address that others know them by: kubernetes-internal-ip, first-found, can-reach=, interface=, skip-interface= or cidr=.',
    shape: string('kubernetes-internal-ip', { pattern: METHOD }),
  },
  {
    path: 'agent.ip6Autodetection',
    about: 'The same for IPv6.',
    shape: string('kubernetes-internal-ip', { pattern: METHOD }),
  },
  {
    path: 'agent.addressChange',
    about:
      "follow: a node's address moves when the method finds another; keep: not while an interface still has it.",
    shape: string('follow', { oneOf: ['follow', 'keep'] }),
  },
  {
    path: 'agent.refreshMs',
    about: 'Milliseconds between looks at what others may have changed in our rules.',
    shape: integer(10_000, 100, 999_999),
  },
  ...resources('agent', '100m', '160Mi', '768Mi'),
  ...extras('agent'),
  {
    path: 'speaker.passwordSecrets',
    about:
      'Secrets in the same namespace that BGP passwords are in; the speaker may read these and no others.',
    shape: { type: 'strings', value: [] },
  },
  ...resources('speaker', '50m', '128Mi', '768Mi'),
  ...extras('speaker'),
  { path: 'controller.replicas', about: 'One leads, the others stand by.', shape: integer(2, 1, 9) },
  {
    path: 'controller.garbage',
    about: 'Addresses that nobody has any more: free them, only tell of them (dry-run), or neither (off).',
    shape: string('free', { oneOf: ['free', 'dry-run', 'off'] }),
  },
  {
    path: 'controller.nodeSelector',
    about: 'Nodes that it may run on.',
    shape: map({ 'kubernetes.io/os': 'linux' }),
  },
  {
    path: 'controller.tolerations',
    about: 'Taints of nodes that it may run on all the same.',
    shape: tolerations({
      key: 'node-role.kubernetes.io/control-plane',
      operator: 'Exists',
      effect: 'NoSchedule',
    }),
  },
  ...placing('controller', 'system-cluster-critical'),
  ...resources('controller', '20m', '96Mi', '512Mi'),
  ...extras('controller'),
  {
    path: 'fanout.enabled',
    about:
      'For large clusters: controllers tell each node what concerns it, over mutual TLS; nodes watch the API server only while no controller does. Give controllers memory: about 10 KB for each pod.',
    shape: yesNo(false),
  },
  { path: 'fanout.port', about: 'Port of controllers for it.', shape: integer(9467, 1024, 65535) },
  {
    path: 'networkPolicy.enabled',
    about: "A NetworkPolicy for the controller's pods: nothing in but scrapes, only the API server out.",
    shape: yesNo(true),
  },
  {
    path: 'networkPolicy.apiServerPorts',
    about: 'Ports of the API server as seen behind its Service.',
    shape: { type: 'integers', value: [443, 6443], min: 1, max: 65535 },
  },
  {
    path: 'pool.cidr',
    about: 'First IPPool (default-ipv4-ippool); empty: write IPPools yourself.',
    shape: string('', { pattern: '^$|^[0-9a-fA-F.:]+/[0-9]{1,3}$' }),
  },
  {
    path: 'pool.blockSize',
    about: 'Prefix length of the blocks that nodes claim.',
    shape: integer(26, 20, 128),
  },
  {
    path: 'pool.natOutgoing',
    about: 'Whether packets that leave for addresses outside all pools get the address of their node.',
    shape: yesNo(true),
  },
  {
    path: 'metrics.enabled',
    about:
      'A container beside the programs that serves their metrics over TCP; those of nodes on the node address.',
    shape: yesNo(false),
  },
  { path: 'metrics.port', about: 'Its port.', shape: integer(9466, 1024, 65535) },
  {
    path: 'metrics.serviceMonitor',
    about: 'A ServiceMonitor for the Prometheus Operator; needs metrics.enabled.',
    shape: yesNo(false),
  },
  {
    path: 'metrics.serviceMonitorLabels',
    about: 'Labels by which your Prometheus chooses ServiceMonitors, such as release: prometheus.',
    shape: map({}),
  },
  {
    path: 'metrics.interval',
    about: 'How often it is scraped.',
    shape: string('30s', { pattern: '^[0-9]+(ms|s|m)$' }),
  },
  {
    path: 'metrics.resources.requests',
    about: 'What the scheduler keeps free for each of these containers.',
    shape: map({ cpu: '5m', memory: '48Mi' }),
  },
  {
    path: 'metrics.resources.limits',
    about: 'Their hard limits.',
    shape: map({ memory: '128Mi' }),
  },
];

/** Nested values, as values.yaml holds them. */
export type Values = { readonly [key: string]: unknown };

/** All defaults, nested. */
export function defaults(): Values {
  const root: Record<string, unknown> = {};
  for (const { path, shape } of SETTINGS) put(root, path, shape.value);
  return root;
}

/** Defaults with some settings changed, by path; throws for a path that is no setting. */
export function valuesWith(changes: Readonly<Record<string, unknown>>): Values {
  const root = structuredClone(defaults()) as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) {
    settingAt(path);
    put(root, path, value);
  }
  return root;
}

/** The row of a path; throws when there is none. */
export function settingAt(path: string): Setting {
  const found = SETTINGS.find(setting => setting.path === path);
  if (found === undefined) throw new Error(`${path} is no setting`);
  return found;
}

function put(root: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  let place = root;
  for (const key of keys.slice(0, -1)) place = (place[key] ??= {}) as Record<string, unknown>;
  place[keys.at(-1) as string] = value;
}
