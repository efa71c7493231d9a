/** A role that sample pods play; pods take the roles in turn. */
interface Role {
  readonly namespace: string;
  readonly app: string;
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: 'TCP' | 'UDP';
  }[];
}

const ROLES: readonly Role[] = [
  { namespace: 'shop', app: 'web', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] },
  {
    namespace: 'shop',
    app: 'api',
    ports: [
      { name: 'http', containerPort: 8080, protocol: 'TCP' },
      { name: 'lookup', containerPort: 5353, protocol: 'UDP' },
    ],
  },
  { namespace: 'shop', app: 'db', ports: [{ name: 'postgres', containerPort: 5432, protocol: 'TCP' }] },
  {
    namespace: 'ops',
    app: 'monitor',
    ports: [
      { name: 'metrics', containerPort: 9090, protocol: 'TCP' },
      { name: 'statsd', containerPort: 8125, protocol: 'UDP' },
    ],
  },
];

/** The Namespaces of the sample: teams are told apart by label. */
export function sampleNamespaces(): readonly object[] {
  return [...new Set(ROLES.map(role => role.namespace))].map(name => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { team: name } },
  }));
}

/** `count` Pods that play the roles in turn: web-1, api-1, db-1, monitor-1, web-2, … */
export function samplePods(count: number): readonly object[] {
  return Array.from({ length: count }, (_, i) => {
    const role = ROLES[i % ROLES.length] as Role;
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${role.app}-${1 + Math.floor(i / ROLES.length)}`,
        namespace: role.namespace,
        labels: { app: role.app },
      },
      spec: { containers: [{ name: role.app, image: 'muslin.dev/echo', ports: role.ports }] },
    };
  });
}
