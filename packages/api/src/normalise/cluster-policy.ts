import type { Direction, PeerMatch, Policy, PolicyRule, RuleAction } from '../model/policy.ts';
import { NOTHING } from '../selector/normal-form.ts';
import { readClusterPeer, readPodsOf } from './cluster-peer.ts';
import { type ClusterPorts, readAdminPorts, readClusterProtocols } from './cluster-ports.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { type Header, readHeader } from './header.ts';
import { PEERS, policyRule } from './kubernetes-policy.ts';

/** How one kind of policy.networking.k8s.io writes its rules. */
interface Dialect {
  readonly prefix: string;
  readonly actions: Readonly<Record<string, RuleAction>>;
  readonly ports: (rule: Field) => ClusterPorts;
}

const CLUSTER: Dialect = {
  prefix: 'cnp',
  actions: { Accept: 'Allow', Deny: 'Deny', Pass: 'Pass' },
  ports: rule => readClusterProtocols(rule.at('protocols')),
};
const ADMIN: Dialect = {
  prefix: 'anp',
  actions: { Allow: 'Allow', Deny: 'Deny', Pass: 'Pass' },
  ports: rule => readAdminPorts(rule.at('ports')),
};
const BASELINE: Dialect = { ...ADMIN, prefix: 'banp', actions: { Allow: 'Allow', Deny: 'Deny' } };

/** A ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2): tier Admin before, Baseline after NetworkPolicy. */
export function readClusterPolicy(object: unknown): Read<Policy> {
  const header = readHeader(object, 'Cluster');
  const tier = header.spec.at('tier').oneOf(['Admin', 'Baseline']);
  if (tier === undefined && !header.spec.at('tier').present)
    header.spec.at('tier').invalid('must be Admin or Baseline');
  const order = readPriority(header.spec);
  return clusterPolicy(header, CLUSTER, tier === 'Baseline' ? 'kube-baseline' : 'kube-admin', order);
}

/** An AdminNetworkPolicy (policy.networking.k8s.io/v1alpha1). */
export function readAdminPolicy(object: unknown): Read<Policy> {
  const header = readHeader(object, 'Cluster');
  return clusterPolicy(header, ADMIN, 'kube-admin', readPriority(header.spec));
}

/** The BaselineAdminNetworkPolicy (policy.networking.k8s.io/v1alpha1): one, `default`, after all ClusterNetworkPolicies. */
export function readBaselinePolicy(object: unknown): Read<Policy> {
  const header = readHeader(object, 'Cluster');
  if (header.name !== 'default') header.root.at('metadata').at('name').invalid('must be default');
  return clusterPolicy(header, BASELINE, 'kube-baseline', 1_001);
}

function readPriority(spec: Field): number {
  const field = spec.at('priority');
  return field.integer(0, 1_000) ?? field.invalid('must be a number from 0 to 1000') ?? 0;
}

/** A direction without rules is not in `directions`: these policies do not isolate by being there. */
function clusterPolicy(header: Header, dialect: Dialect, tier: string, order: number): Read<Policy> {
  const { report, spec, source, name } = header;
  const subject = readPodsOf(spec.at('subject'));
  if (subject === undefined) spec.at('subject').invalid('must have namespaces or pods');
  const rules = {
    ingress: spec
      .at('ingress')
      .items()
      .flatMap(rule => readRule(rule, 'ingress', dialect)),
    egress: spec
      .at('egress')
      .items()
      .flatMap(rule => readRule(rule, 'egress', dialect)),
  };
  const directions = (['ingress', 'egress'] as const).filter(way => spec.at(way).items().length > 0);
  return finish(report, {
    key: `${dialect.prefix}/${name}`,
    source,
    tier,
    order,
    selector: subject ?? NOTHING,
    directions: new Set<Direction>(directions),
    ...rules,
    staged: false,
  });
}

const ANYONE: PeerMatch = {};

/** What can't be honoured fails closed: an Allow matches nothing with it, a Deny or Pass becomes Deny of everything. */
function readRule(rule: Field, direction: Direction, dialect: Dialect): readonly PolicyRule[] {
  const word = rule.at('action').oneOf(Object.keys(dialect.actions));
  const action = word === undefined ? undefined : dialect.actions[word];
  if (action === undefined && !rule.at('action').present)
    rule.at('action').invalid(`must be ${Object.keys(dialect.actions).join(' or ')}`);
  const list = rule.at(PEERS[direction]);
  const peers = list.items().map(peer => ({ path: peer.path, match: readClusterPeer(peer, direction) }));
  if (peers.length === 0) list.invalid('must have at least one peer');
  const { protocols, whole } = dialect.ports(rule);
  if (action === undefined) return [];
  if (action !== 'Allow' && (!whole || peers.some(peer => peer.match === undefined)))
    return [policyRule('Deny', direction, ANYONE, {}, rule.path)];
  return peers.flatMap(({ path, match }) =>
    match === undefined
      ? []
      : protocols.map(protocol => policyRule(action, direction, match, protocol, path)),
  );
}
