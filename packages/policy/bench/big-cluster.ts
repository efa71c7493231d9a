import type { Endpoint, FactChange, Policy, PolicyRule, Selector } from '@muslin/api';
import { ip4, prefix } from '@muslin/net';

/** How big the made-up cluster is. Namespaces hold a hundred pods and ten policies each. */
export interface Size {
  readonly pods: number;
  readonly policies: number;
  readonly podsPerNode: number;
}

const APPS = ['web', 'api', 'db', 'cache', 'queue', 'auth', 'mail', 'search', 'batch', 'proxy'];
const TEAMS = 40;
const NAMESPACE = 'projectcalico.org/namespace';

/** Number of namespaces. */
export const namespaceCount = ({ pods }: Size): number => Math.max(1, Math.floor(pods / 100));

/** The node of pod number `pod`: each node has pods of many namespaces and all apps. */
export function nodeOf(pod: number, size: Size): string {
  const nodes = Math.max(1, Math.floor(size.pods / size.podsPerNode));
  return `node-${(pod + Math.floor(pod / namespaceCount(size))) % nodes}`;
}

/** All facts, in the order in which the API server would list them. */
export function* bigCluster(size: Size): Generator<FactChange> {
  yield { type: 'tier', key: 'default', value: { name: 'default', order: 1_000_000, defaultAction: 'Deny' } };
  for (let i = 0; i < namespaceCount(size); i++) {
    const name = `ns-${i}`;
    const labels = new Map([
      ['kubernetes.io/metadata.name', name],
      ['team', `team-${i % TEAMS}`],
    ]);
    yield { type: 'namespace', key: name, value: { name, labels } };
  }
  for (let i = 0; i < size.policies; i++) yield policy(i, namespaceCount(size));
  for (let i = 0; i < size.pods; i++) yield pod(i, size);
}

/** Pod number `i`; `version` is a label that some policies look at. */
export function pod(i: number, size: Size, version = 'v1'): FactChange & { readonly type: 'endpoint' } {
  const namespace = `ns-${i % namespaceCount(size)}`;
  const app = APPS[Math.floor(i / namespaceCount(size)) % APPS.length] ?? '';
  const name = `${app}-${i.toString(36)}`;
  const key = `pod/${namespace}/${name}`;
  const value: Endpoint = {
    key,
    source: { kind: 'Pod', namespace, name },
    namespace,
    name,
    uid: `uid-${i}`,
    node: nodeOf(i, size),
    labels: new Map([
      ['app', app],
      ['version', version],
      ['pod-template-hash', `h${i % 7919}`],
      ['app.kubernetes.io/instance', name],
    ]),
    serviceAccount: 'default',
    ips: [ip4(0x0a000000 + i)],
    ports: [{ name: 'http', protocol: 6, port: 8080 }],
    hostNetwork: false,
    declaredPorts: [{ protocol: 6, port: 8080 }],
  };
  return { type: 'endpoint', key, value };
}

const eq = (key: string, value: string): Selector => ({ op: 'eq', key, value });
const and = (...of: readonly Selector[]): Selector => ({ op: 'and', of });

function policy(i: number, namespaces: number): FactChange {
  const namespace = `ns-${i % namespaces}`;
  const turn = Math.floor(i / namespaces);
  const here = eq(NAMESPACE, namespace);
  const app = (n: number) => eq('app', APPS[n % APPS.length] ?? '');
  const http = { protocol: 6, destination: { ports: [{ name: 'http' }] } };
  const rule = (rule: Partial<PolicyRule>): PolicyRule => ({
    action: 'Allow',
    source: {},
    destination: {},
    path: 'spec.ingress[0]',
    ...rule,
  });
  const kinds: readonly (readonly PolicyRule[])[] = [
    [],
    [rule({ ...http, source: { selector: and(here, app(turn + 1)) } })],
    [rule({ ...http, source: { selector: and(here, { op: 'in', key: 'version', values: ['v1', 'v2'] }) } })],
    [rule({ ...http, source: { selector: eq('pcns.team', `team-${i % TEAMS}`) } })],
    [rule({ ...http, source: { selector: { op: 'all' } } })],
    [
      rule({
        source: { nets: [prefix(ip4(0xcb007100), 24)], notNets: [prefix(ip4(0xcb007180), 25)] },
      }),
    ],
  ];
  const key = `knp/${namespace}/p${turn}`;
  const value: Policy = {
    key,
    source: { kind: 'NetworkPolicy', namespace, name: `p${turn}` },
    tier: 'default',
    order: 1000,
    selector: turn % kinds.length === 0 ? here : and(here, app(turn)),
    directions: new Set(['ingress']),
    ingress: kinds[turn % kinds.length] ?? [],
    egress: [],
    staged: false,
  };
  return { type: 'policy', key, value };
}
