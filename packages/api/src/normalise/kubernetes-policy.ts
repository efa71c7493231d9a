import type { Direction, PeerMatch, Policy, PolicyRule } from '../model/policy.ts';
import { NOTHING } from '../selector/normal-form.ts';
import { finish, type Read } from './fact.ts';
import type { Field } from './field.ts';
import { type Header, readHeader } from './header.ts';
import { readKubernetesPeer } from './kubernetes-peer.ts';
import { type ProtocolPorts, readKubernetesPorts } from './kubernetes-ports.ts';
import { inNamespace, podsWhere, readLabelSelector } from './selector-field.ts';

/** Where a NetworkPolicy stands among Calico's tiers. */
const TIER = 'default';
const ORDER = 1_000;

/** Which field of a rule lists its peers. */
export const PEERS = { egress: 'to', ingress: 'from' } as const satisfies Record<Direction, string>;

/** A NetworkPolicy (networking.k8s.io/v1). */
export function readKubernetesPolicy(object: unknown): Read<Policy> {
  const header = readHeader(object, 'Namespaced');
  return finish(header.report, kubernetesPolicy(header, 'knp', false));
}

/** A StagedKubernetesNetworkPolicy (projectcalico.org/v3): the same, evaluated but not enforced. */
export function readStagedKubernetesPolicy(object: unknown): Read<Policy> {
  const header = readHeader(object, 'Namespaced');
  const action = readStagedAction(header.spec);
  if (action === 'Ignore') return finish<Policy>(header.report, undefined);
  if (action === 'Delete') return finish(header.report, stagedDeletion(header, 'sknp', 'Namespaced', TIER));
  return finish(header.report, kubernetesPolicy(header, 'sknp', true));
}

/** The staged kinds with `stagedAction: Delete`: the enforced policy of the same name, without the key's `s`, would be gone. */
export function stagedDeletion(
  { source, namespace, name }: Header,
  prefix: string,
  scope: 'Cluster' | 'Namespaced',
  tier: string,
): Policy {
  const path = scope === 'Cluster' ? name : `${namespace}/${name}`;
  const enforced = { snp: 'np', sgnp: 'gnp', sknp: 'knp' }[prefix] ?? prefix;
  return {
    ...{ key: `${prefix}/${path}`, source, tier, order: Number.POSITIVE_INFINITY },
    ...{ selector: NOTHING, directions: new Set<Direction>(), ingress: [], egress: [] },
    ...{ staged: true, removes: `${enforced}/${path}` },
  };
}

/** `stagedAction` of the staged kinds: Set (usual), Delete, Learn or Ignore. */
export function readStagedAction(spec: Field): 'Set' | 'Delete' | 'Learn' | 'Ignore' {
  return spec.at('stagedAction').oneOf(['Set', 'Delete', 'Learn', 'Ignore']) ?? 'Set';
}

function kubernetesPolicy(header: Header, prefix: string, staged: boolean): Policy {
  const { spec, source, namespace, name } = header;
  const directions = readDirections(spec);
  const rulesOf = (direction: Direction) =>
    spec
      .at(direction)
      .items()
      .flatMap(rule => readRule(rule, direction, namespace));
  return {
    key: `${prefix}/${namespace}/${name}`,
    source,
    tier: TIER,
    order: ORDER,
    selector: podsWhere(readLabelSelector(spec.at('podSelector')), inNamespace(namespace)),
    directions,
    ingress: rulesOf('ingress'),
    egress: rulesOf('egress'),
    staged,
  };
}

/** policyTypes; when absent or empty Ingress, and Egress only when there are egress rules. */
function readDirections(spec: Field): ReadonlySet<Direction> {
  const types = spec.at('policyTypes');
  const egress = spec.at('egress');
  const listed = types.items();
  if (listed.length === 0)
    return new Set<Direction>(egress.items().length > 0 ? ['ingress', 'egress'] : ['ingress']);
  if (listed.length > 2) types.invalid('may not have more than two entries');
  const directions = new Set(
    listed.flatMap(item => {
      const type = item.oneOf(['Ingress', 'Egress']);
      return type === undefined ? [] : [type === 'Ingress' ? ('ingress' as const) : ('egress' as const)];
    }),
  );
  for (const direction of ['ingress', 'egress'] as const) {
    if (!directions.has(direction) && spec.at(direction).items().length > 0)
      spec.at(direction).warn('is ignored, because policyTypes does not name it');
  }
  return directions;
}

function readRule(rule: Field, direction: Direction, namespace: string): readonly PolicyRule[] {
  if (rule.strange([PEERS[direction], 'ports'])) return [];
  const list = rule.at(PEERS[direction]).items();
  const protocols = readKubernetesPorts(rule.at('ports'));
  const peers =
    list.length === 0
      ? [{ path: rule.path, match: {} }]
      : list.map(peer => ({ path: peer.path, match: readKubernetesPeer(peer, namespace) }));
  return peers.flatMap(({ path, match }) =>
    protocols.map(ports => policyRule('Allow', direction, match, ports, path)),
  );
}

/** A rule about traffic with a peer: from it on ingress, to it on egress; ports are always the destination's. */
export function policyRule(
  action: PolicyRule['action'],
  direction: Direction,
  peer: PeerMatch,
  { protocol, ports }: ProtocolPorts,
  path: string,
): PolicyRule {
  const destinationPorts = ports === undefined ? {} : { ports };
  return {
    action,
    ...(protocol !== undefined && { protocol }),
    source: direction === 'ingress' ? peer : {},
    destination: direction === 'ingress' ? destinationPorts : { ...peer, ...destinationPorts },
    path,
  };
}
