/** Everything that policies of a proof speak about. Pods stay; their labels, and the policies, change. */
export const NAMESPACES = ['red', 'blue', 'green'] as const;
export const LABELS: Readonly<Record<string, readonly string[]>> = {
  app: ['web', 'api', 'db'],
  tier: ['front', 'back'],
  'example.com/canary': ['true', ''],
};
export const NAMESPACE_LABELS: Readonly<Record<string, readonly string[]>> = {
  team: ['one', 'two'],
  env: ['prod', 'test'],
};

interface Port {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** Every pod answers on all of these; what they are called differs, and no name means the same everywhere. */
export const PORTS = [
  { protocol: 'TCP', port: 80 },
  { protocol: 'TCP', port: 8080 },
  { protocol: 'TCP', port: 5432 },
  { protocol: 'UDP', port: 53 },
  { protocol: 'UDP', port: 8080 },
] as const;
export const PORT_NAMES = ['http', 'sql', 'dns', 'absent'] as const;
const NAMINGS: readonly Readonly<Record<string, string>>[] = [
  { TCP80: 'http', UDP53: 'dns' },
  { TCP8080: 'http', TCP5432: 'sql', UDP8080: 'dns' },
  // A name that elsewhere is TCP.
  { UDP8080: 'http', TCP80: 'sql' },
  {},
];

/** Three pods in each namespace, over the nodes in turn. */
export function pods(nodes: readonly string[]): readonly object[] {
  return NAMESPACES.flatMap((namespace, n) =>
    [0, 1, 2].map(i => podObject(namespace, `p${i}`, n * 3 + i, nodes[(n + i) % nodes.length] as string)),
  );
}

/** The n-th pod: what it is called `app`, and how it calls its ports. */
export function podObject(namespace: string, name: string, n: number, nodeName: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: LABELS['app']?.[n % 3] } },
    spec: {
      nodeName,
      containers: [{ name: 'main', image: 'muslin.dev/echo', ports: portsNamed(NAMINGS[n % 4] ?? {}) }],
    },
  };
}

function portsNamed(names: Readonly<Record<string, string>>): readonly Port[] {
  return PORTS.map(({ protocol, port }) => {
    const name = names[protocol + port];
    return { ...(name === undefined ? {} : { name }), containerPort: port, protocol };
  });
}

export function namespaces(): readonly object[] {
  return NAMESPACES.map((name, i) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { team: i === 0 ? 'one' : 'two' } },
  }));
}
