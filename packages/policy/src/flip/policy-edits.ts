import {
  type Direction,
  formatSelector,
  type PeerMatch,
  type Policy,
  type PolicyRule,
  RESERVED_LABELS,
  type Selector,
  type Snapshot,
} from '@muslin/api';
import { formatPrefix, hostPrefix } from '@muslin/net';
import { formatRef } from '../explain.ts';
import type { Edit, EditContext } from '../flip.ts';
import type { EndIdentity, PathExplanation } from '../flow.ts';
import { formatService } from '../protocol-name.ts';
import type { Decision, Packet, PolicyTrace, RuleTrace } from '../trace.ts';
import { keptType, languageOf, peersPlace, portsPlace, removablePlace, ruleOf } from './written-form.ts';

/** Edits of policies: rules that would allow what is denied, rules and policies whose absence would turn it round. */
export function* policyEdits({ snapshot, explanation }: EditContext): Iterable<Edit> {
  for (const path of explanation.paths) {
    for (const decision of [path.egress, ...path.crossings, path.ingress]) {
      if (decision.because.code === 'no-policy') yield* isolations(snapshot, decision);
      for (const trace of decidingPolicies(decision)) {
        const policy = snapshot.policies.get(trace.policy);
        if (policy === undefined) continue;
        if (decision.answer === 'deny') {
          yield* widenings(policy, trace, path, decision.direction, snapshot);
          yield* allowance(policy, path, decision.direction, snapshot);
        }
        yield* removals(policy, trace, decision.direction);
      }
    }
  }
}

/** The enforced policies of the tier that decided. */
function decidingPolicies({ tiers }: Decision): readonly PolicyTrace[] {
  return tiers.at(-1)?.policies.filter(policy => !policy.staged) ?? [];
}

function* removals(policy: Policy, trace: PolicyTrace, direction: Direction): Iterable<Edit> {
  const last = trace.rules.at(-1);
  if (last?.matched) {
    const place = removablePlace(policy, last.rule.path, direction);
    const rules = policy[direction].filter(({ path }) => path !== place && ruleOf(path) !== place);
    const kept = rules.length === 0 ? keptType(policy, direction) : '';
    yield {
      kind: 'remove-rule',
      text: `remove ${place} (${last.rule.action}) from ${formatRef(policy.source)}${kept}`,
      change: changeTo({ ...policy, [direction]: rules }),
    };
  }
  yield {
    kind: 'remove-policy',
    text: `remove ${formatRef(policy.source)}`,
    change: { type: 'policy', key: policy.key, value: undefined },
  };
}

/** A rule that fails in one part only, with that part made to fit. */
function* widenings(
  policy: Policy,
  trace: PolicyTrace,
  path: PathExplanation,
  direction: Direction,
  snapshot: Snapshot,
): Iterable<Edit> {
  for (const [i, { rule, failed, matched }] of trace.rules.entries()) {
    const original = policy[direction][i];
    if (matched || original === undefined || rule.action !== 'Allow') continue;
    const name = formatRef(policy.source);
    const port = path.packet.destinationPort;
    const isNamed = original.destination.service === undefined;
    if (
      isNamed &&
      (failed === 'destination.ports' || failed === 'destination.portSets') &&
      port !== undefined
    )
      yield {
        kind: 'add-port',
        text: `add port ${formatService(path.packet.protocol, port)} to ${portsPlace(policy, rule.path)} of ${name}`,
        change: changeTo({ ...policy, [direction]: withPort(policy, direction, original, port) }),
      };
    const place = isPeerPart(failed) ? peersPlace(policy, rule.path, direction) : undefined;
    if (place === undefined) continue;
    const { match, text } = farPeer(path, direction, snapshot);
    if (!isWritable(policy, match, direction)) continue;
    const side = direction === 'ingress' ? 'source' : 'destination';
    const { ports, notPorts } = original[side];
    const peer = { ...match, ...(ports && { ports }), ...(notPorts && { notPorts }) };
    const twin = { ...original, [side]: peer };
    yield {
      kind: 'add-peer',
      text: `add ${text} to ${place} of ${name}`,
      change: changeTo({ ...policy, [direction]: policy[direction].toSpliced(i + 1, 0, twin) }),
    };
  }
}

/** Ports stand beside all peers of a rule: each gets the new one. */
function withPort(
  policy: Policy,
  direction: Direction,
  { path, protocol }: PolicyRule,
  port: number,
): readonly PolicyRule[] {
  return policy[direction].map(rule => {
    if (ruleOf(rule.path) !== ruleOf(path) || rule.protocol !== protocol) return rule;
    const ports = [...(rule.destination.ports ?? []), { first: port, last: port }];
    return { ...rule, destination: { ...rule.destination, ports } };
  });
}

/** Cluster policies know addresses outside as destinations only (ClusterNetworkPolicy v1alpha2 `networks`). */
function isWritable(policy: Policy, match: PeerMatch, direction: Direction): boolean {
  return languageOf(policy) !== 'cluster' || direction === 'egress' || match.nets === undefined;
}

function isPeerPart(failed: RuleTrace['failed']): boolean {
  const [, part = ''] = failed?.split('.') ?? [];
  return ['nets', 'notNets', 'inSets', 'notInSets'].includes(part);
}

/** A new first rule for exactly this peer, protocol and port; only Calico's kinds can name protocols without ports. */
function* allowance(
  policy: Policy,
  path: PathExplanation,
  direction: Direction,
  snapshot: Snapshot,
): Iterable<Edit> {
  const { protocol, destinationPort: port } = path.packet;
  const { match, text } = farPeer(path, direction, snapshot);
  if (!isWritable(policy, match, direction)) return;
  const language = languageOf(policy);
  const exact = port !== undefined || language === 'calico';
  const ports: PeerMatch = port === undefined ? {} : { ports: [{ first: port, last: port }] };
  const rule: PolicyRule = {
    action: 'Allow',
    ...(exact && { protocol }),
    source: direction === 'ingress' ? match : {},
    destination: direction === 'ingress' ? ports : { ...match, ...ports },
    path: `spec.${direction}`,
  };
  const way = direction === 'ingress' ? `ingress from ${text}` : `egress to ${text}`;
  const what = `${way} on ${exact ? formatService(protocol, port) : 'every protocol'}`;
  const name = formatRef(policy.source);
  yield {
    kind: 'add-rule',
    // Where rules may also deny, the first that fits decides.
    text:
      language === 'kubernetes'
        ? `add a rule to ${name} that allows ${what}`
        : `put a rule before the others of ${name} that allows ${what}`,
    change: changeTo({ ...policy, [direction]: [rule, ...policy[direction]] }),
  };
}

/** A policy without rules, for an end that nothing isolates. */
function* isolations(snapshot: Snapshot, { direction, endpoint }: Decision): Iterable<Edit> {
  const pod = snapshot.endpoints.get(endpoint ?? '');
  if (pod === undefined) return;
  const { selector, text } = selectorOfPod(pod.namespace, pod.labels);
  const policy: Policy = {
    key: `knp/${pod.namespace}/isolate-${pod.name}`,
    source: { kind: 'NetworkPolicy', namespace: pod.namespace, name: `isolate-${pod.name}` },
    tier: 'default',
    order: 1000,
    selector,
    directions: new Set([direction]),
    ingress: [],
    egress: [],
    staged: false,
  };
  yield {
    kind: 'add-policy',
    text: `add a policy that isolates ${text} for ${direction}`,
    change: changeTo(policy),
  };
}

interface NamedPeer {
  readonly match: PeerMatch;
  readonly text: string;
}

/** The other end as a peer: a pod by its labels, anything else by its address. */
function farPeer({ packet, from, to }: PathExplanation, direction: Direction, snapshot: Snapshot): NamedPeer {
  const identity: EndIdentity = direction === 'ingress' ? from : to;
  const pod = identity.kind === 'pod' ? snapshot.endpoints.get(identity.endpoint) : undefined;
  if (pod !== undefined) {
    const { selector, text } = selectorOfPod(pod.namespace, pod.labels);
    return { match: { selector }, text };
  }
  const net = hostPrefix(farAddress(packet, direction));
  return { match: { nets: [net] }, text: formatPrefix(net) };
}

const farAddress = (packet: Packet, direction: Direction) =>
  direction === 'ingress' ? packet.source : packet.destination;

/** Labels that say what a pod is, best first (Kubernetes: recommended labels). */
const TELLING_LABELS = ['app.kubernetes.io/name', 'app', 'k8s-app', 'name'];

function selectorOfPod(
  namespace: string,
  labels: ReadonlyMap<string, string>,
): { readonly selector: Selector; readonly text: string } {
  const key = TELLING_LABELS.find(name => labels.has(name)) ?? [...labels.keys()].sort()[0];
  const inNamespace: Selector = { op: 'eq', key: RESERVED_LABELS.namespace, value: namespace };
  if (key === undefined) return { selector: inNamespace, text: `the pods of namespace ${namespace}` };
  const own: Selector = { op: 'eq', key, value: labels.get(key) ?? '' };
  const text = `the pods of namespace ${namespace} with ${formatSelector(own)}`;
  return { selector: { op: 'and', of: [inNamespace, own] }, text };
}

const changeTo = (policy: Policy): Edit['change'] => ({ type: 'policy', key: policy.key, value: policy });
