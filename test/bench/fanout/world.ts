import { type AnyObject, type Sighting, trimNode, trimPod } from '@muslin/kube';

/** How big the made-up cluster is. */
export interface Size {
  readonly nodes: number;
  readonly pods: number;
  readonly policies: number;
}

const APPS = ['web', 'api', 'db', 'cache', 'queue', 'auth', 'mail', 'search', 'batch', 'proxy'];

export const namespacesOf = ({ pods }: Size): number => Math.max(1, Math.floor(pods / 100));

/** 64 addresses each: room for the pods of a node, and some. */
const BLOCKS_OF_A_NODE = 2;

/** As a watch shows it, without what is not kept. */
function see(kind: string, object: AnyObject, policyKey?: string): Sighting {
  if (kind === 'Node') trimNode(object);
  if (kind === 'Pod') trimPod(object);
  return { kind, object, gone: false, policyKey };
}

/** Everything, as the watches of a controller would show it: raw objects. */
export function* world(size: Size): Generator<Sighting> {
  for (let i = 0; i < size.nodes; i++)
    yield see('Node', {
      ...{
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: `node-${i}`, uid: `n${i}`, resourceVersion: '1' },
      },
      ...{
        spec: {},
        status: {
          addresses: [{ type: 'InternalIP', address: `172.16.${i >> 8}.${i & 255}` }],
          images: Array.from({ length: 40 }, (_, n) => ({
            names: [`registry.example/image-${n}@sha256:${'0'.repeat(64)}`, `registry.example/image-${n}:1`],
            sizeBytes: 1e8 + n,
          })),
        },
      },
    });
  for (let i = 0; i < size.nodes * BLOCKS_OF_A_NODE; i++) yield block(i, size);
  for (let i = 0; i < namespacesOf(size); i++) {
    const labels = { 'kubernetes.io/metadata.name': `ns-${i}`, team: `team-${i % 40}` };
    yield see('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `ns-${i}`, labels } });
  }
  for (let i = 0; i < size.policies; i++) yield policy(i, size);
  for (let i = 0; i < size.pods; i++) yield pod(i, size);
}

/** A block of a node, as full as its share of the pods makes it. */
function block(i: number, size: Size): Sighting {
  const used = Math.min(64, Math.ceil(size.pods / size.nodes / BLOCKS_OF_A_NODE));
  const node = `node-${i % size.nodes}`;
  const name = `10-${200 + (i >> 10)}-${(i >> 2) & 255}-${(i & 3) * 64}-26`;
  return see('IPAMBlock', {
    ...{ apiVersion: 'projectcalico.org/v3', kind: 'IPAMBlock' },
    metadata: { name, uid: `b${i}`, resourceVersion: '1' },
    spec: {
      cidr: `10.${200 + (i >> 10)}.${(i >> 2) & 255}.${(i & 3) * 64}/26`,
      affinity: `host:${node}`,
      allocations: Array.from({ length: 64 }, (_, n) => (n < used ? n : null)),
      unallocated: Array.from({ length: 64 - used }, (_, n) => used + n),
      attributes: Array.from({ length: used }, (_, n) => ({
        handle_id: `k8s-pod-network.${'0'.repeat(60)}${i}${n}`,
        secondary: {
          namespace: `ns-${n}`,
          node,
          pod: `web-${i}-${n}`,
          timestamp: '2026-01-01 00:00:00 +0000 UTC',
        },
      })),
      sequenceNumber: used,
      sequenceNumberForAllocation: {},
      strictAffinity: false,
    },
  });
}

/** Pod number `i`; each node has pods of many namespaces and all apps. */
export function pod(i: number, size: Size, version = 'v1', revision = 1): Sighting {
  const count = namespacesOf(size);
  const app = APPS[Math.floor(i / count) % APPS.length] ?? '';
  const ip = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  return see('Pod', {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      ...{
        namespace: `ns-${i % count}`,
        name: `${app}-${i.toString(36)}`,
        uid: `uid-${i}`,
        resourceVersion: `${revision}`,
      },
      labels: { app, version, 'pod-template-hash': `h${i % 7919}` },
      annotations: { 'cni.projectcalico.org/podIP': `${ip}/32` },
    },
    spec: {
      nodeName: `node-${(i + Math.floor(i / count)) % size.nodes}`,
      serviceAccountName: 'default',
      containers: [
        {
          name: 'main',
          image: 'registry.example/app:1',
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        },
      ],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  });
}

/** Six kinds of rules, from deny-all to everybody; sets of a namespace, of a team's namespaces, and one of all pods. */
function policy(i: number, size: Size): Sighting {
  const turn = Math.floor(i / namespacesOf(size));
  const namespace = `ns-${i % namespacesOf(size)}`;
  const app = (n: number) => ({ matchLabels: { app: APPS[n % APPS.length] } });
  const ports = [{ port: 'http', protocol: 'TCP' }];
  const version = { matchExpressions: [{ key: 'version', operator: 'In', values: ['v1', 'v2'] }] };
  const rules = [
    [],
    [{ from: [{ podSelector: app(turn + 1) }], ports }],
    [{ from: [{ podSelector: version }], ports }],
    [{ from: [{ namespaceSelector: { matchLabels: { team: `team-${i % 40}` } } }], ports }],
    [{ from: [{ ipBlock: { cidr: '203.0.113.0/24', except: ['203.0.113.128/25'] } }] }],
  ];
  const name = `p${turn}`;
  return see(
    'NetworkPolicy',
    {
      ...{
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { namespace, name, resourceVersion: '1' },
      },
      spec: {
        podSelector: turn % rules.length === 0 ? {} : app(turn),
        policyTypes: ['Ingress'],
        ingress: rules[turn % rules.length],
      },
    },
    `knp/${namespace}/${name}`,
  );
}
