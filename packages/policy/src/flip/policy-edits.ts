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
          yield allowance(policy, path, decision.direction, snapshot);
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
    const rules = policy[direction].filter((_, i) => i !== trace.rules.length - 1);
    yield {
      kind: 'remove-rule',
      text: `remove ${last.rule.path} (${last.rule.action}) from ${formatRef(policy.source)}`,
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
    const where = `${rule.path} of ${formatRef(policy.source)}`;
    const port = path.packet.destinationPort;
    if ((failed === 'destination.ports' || failed === 'destination.portSets') && port !== undefined) {
      const ports = [...(original.destination.ports ?? []), { first: port, last: port }];
      const wider = { ...original, destination: { ...original.destination, ports } };
      yield {
        kind: 'add-port',
        text: `add port ${formatService(path.packet.protocol, port)} to ${where}`,
        change: changeTo(withRules(policy, direction, policy[direction].with(i, wider))),
      };
    }
    if (isPeerPart(failed)) {
      const { match, text } = farPeer(path, direction, snapshot);
      const side = direction === 'ingress' ? 'source' : 'destination';
      const { ports, notPorts } = original[side];
      const peer = { ...match, ...(ports && { ports }), ...(notPorts && { notPorts }) };
      const twin = { ...original, [side]: peer };
      const list = [...policy[direction].slice(0, i + 1), twin, ...policy[direction].slice(i + 1)];
      yield {
        kind: 'add-peer',
        text: `add ${text} to the peers of ${where}`,
        change: changeTo(withRules(policy, direction, list)),
      };
    }
  }
}

function isPeerPart(failed: RuleTrace['failed']): boolean {
  const [, part = ''] = failed?.split('.') ?? [];
  return ['nets', 'notNets', 'inSets', 'notInSets'].includes(part);
}

/** A new first rule for exactly this peer, protocol and port. */
function allowance(policy: Policy, path: PathExplanation, direction: Direction, snapshot: Snapshot): Edit {
  const { protocol, destinationPort: port } = path.packet;
  const { match, text } = farPeer(path, direction, snapshot);
  const ports: PeerMatch = port === undefined ? {} : { ports: [{ first: port, last: port }] };
  const rule: PolicyRule = {
    action: 'Allow',
    protocol,
    source: direction === 'ingress' ? match : {},
    destination: direction === 'ingress' ? ports : { ...match, ...ports },
    path: `spec.${direction}`,
  };
  const way = direction === 'ingress' ? `ingress from ${text}` : `egress to ${text}`;
  return {
    kind: 'add-rule',
    text: `add a rule to ${formatRef(policy.source)} that allows ${way} on ${formatService(protocol, port)}`,
    change: changeTo(withRules(policy, direction, [rule, ...policy[direction]])),
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

/** The policy with these rules, their paths told anew. */
function withRules(policy: Policy, direction: Direction, rules: readonly PolicyRule[]): Policy {
  return { ...policy, [direction]: rules.map((rule, i) => ({ ...rule, path: `spec.${direction}[${i}]` })) };
}

const changeTo = (policy: Policy): Edit['change'] => ({ type: 'policy', key: policy.key, value: policy });
