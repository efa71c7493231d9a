import type { ObjectRef } from '@muslin/api';
import { formatIp } from '@muslin/net';
import { explainMiss } from './explain-miss.ts';
import {
  type EndIdentity,
  type Explanation,
  type Flow,
  formatFlowEnd,
  type Note,
  type PathExplanation,
} from './flow.ts';
import { formatService } from './protocol-name.ts';
import type { Decision, Packet, PolicyTrace, Reason, RuleTrace, TierTrace } from './trace.ts';

const WORD = { allow: 'allowed', deny: 'denied' } as const;

/** Says in plain text, line by line, what was asked, the answer, and every step that led to it. */
export function explain({ answer, flow, paths, notes }: Explanation): string {
  const title = `${answer.toUpperCase()}  ${formatFlow(flow)}`;
  return [title, ...notes.map(note => `  ${noteText(note)}`), ...paths.flatMap(pathLines)].join('\n');
}

/** `pod/a/b → pod/c/d TCP 80`. */
export function formatFlow(flow: Flow): string {
  const service = formatService(flow.protocol, flow.port);
  return `${formatFlowEnd(flow.from)} → ${formatFlowEnd(flow.to)}  ${service}`;
}

/** `NetworkPolicy shop/allow-web`. */
export function formatRef({ kind, namespace, name }: ObjectRef): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

function pathLines(path: PathExplanation): readonly string[] {
  const { packet, from, to } = path;
  const service = formatService(packet.protocol, packet.destinationPort);
  const source = `${formatIp(packet.source)} (${identityText(from)})`;
  const destination = `${formatIp(packet.destination)} (${identityText(to)})`;
  return [
    '',
    `${WORD[path.answer]}: ${source} → ${destination}  ${service}`,
    ...path.notes.map(note => `  ${noteText(note)}`),
    ...decisionLines(path.egress, identityText(path.from), packet),
    ...path.crossings.flatMap(crossing => decisionLines(crossing, crossingText(crossing), packet)),
    ...decisionLines(path.ingress, identityText(path.to), packet),
  ];
}

function identityText(identity: EndIdentity): string {
  if (identity.kind === 'pod') return identity.endpoint;
  if (identity.kind === 'external') return 'outside the cluster';
  return identity.endpoint === undefined
    ? `node ${identity.node}`
    : `${identity.endpoint}, host network of node ${identity.node}`;
}

function noteText(note: Note): string {
  switch (note.code) {
    case 'translated':
      return `Service ${note.service} (${note.clusterIp}) is translated to a backend before policies are asked.`;
    case 'headless':
      return `Service ${note.service} is headless: its name resolves to the pods themselves, ports are not translated.`;
    case 'host-port':
      return `Port ${note.hostPort} of node ${note.node} is a hostPort of ${note.endpoint}: translated to its port ${note.port} before policies are asked.`;
    case 'sent-on':
      return `The connection comes in at node ${note.node}, which sends it on to another node with its own address as the source.`;
    case 'entry-unknown':
      return `The connection is taken to come in at the backend's node; at another one, that node's address would be the source (externalTrafficPolicy of Service ${note.service} is Cluster).`;
    case 'no-backends':
      return `Service ${note.service} has no ready backend for this port.`;
    case 'backend-not-ready':
      return `Service ${note.service} does not choose this backend now: it is not ready.`;
    case 'hairpin':
      return `The pod reaches itself through a translated address, so the packet comes back from its node ${note.node}.`;
    case 'assumed-interface':
      return `${note.endpoint} names an interface; it is taken for the one that has the node's address.`;
    case 'staged-deletion':
      return `Staged: without ${formatRef(note.policy)} the answer would be ${note.answer} (${formatRef(note.staged)} would delete it).`;
    case 'shared-address':
      return `Several pods list this address (${note.endpoints.join(', ')}); the first was taken.`;
  }
}

const crossingText = ({ endpoint = '' }: Decision) => `${endpoint}, which forwards it`;

function decisionLines(decision: Decision, who: string, packet: Packet): readonly string[] {
  const { direction, answer, because, tiers } = decision;
  const whose = direction === 'egress' ? `Egress from ${who}` : `Ingress to ${who}`;
  return [`  ${whose}: ${WORD[answer]}, ${reasonText(because)}`, ...tiers.flatMap(t => tierLines(t, packet))];
}

function reasonText(reason: Reason): string {
  switch (reason.code) {
    case 'rule':
      return `by ${formatRef(reason.source)}, ${reason.path}.`;
    case 'tier-default': {
      const count = reason.policies.length;
      return `at the end of tier ${reason.tier}: ${count === 1 ? 'its policy isolates' : `its ${count} policies isolate`} the pod and no rule matches.`;
    }
    case 'past-last-tier':
      return 'because every tier passed it on and none is left.';
    case 'no-policy':
      return 'because no policy isolates it in this direction.';
    case 'not-selectable':
      return 'because policies select pods with an address of their own only.';
    case 'tunnel':
      return `because pods may not send ${reason.tunnel} packets, whatever policies say (FelixConfiguration ${reason.field}).`;
    case 'loopback':
      return 'because a pod always reaches its own address.';
    case 'failsafe':
      return `because port ${reason.port} is failsafe: host policies can't close it.`;
    case 'profile':
      return `by its profile ${reason.profile}, as no tier decided.`;
    case 'host-default':
      return `because nothing allows it: no tier of host endpoint ${reason.host} decided, and it has no profile that allows.`;
    case 'untracked-reply':
      return 'because untracked policies treat it and its answer differently: one of the two is lost.';
    case 'same-node':
      return `because node ${reason.node} always reaches itself.`;
    case 'own-node':
      return `because node ${reason.node} may always reach its own pods.`;
  }
}

const TIER_END = {
  allow: undefined,
  deny: undefined,
  pass: 'passed on to the next tier',
  'default-deny': 'end of tier: Deny',
  'default-pass': 'end of tier: Pass',
  'staged-only': 'only staged policies here: nothing is enforced',
} as const satisfies Record<TierTrace['outcome'], string | undefined>;

function tierLines({ tier, policies, outcome }: TierTrace, packet: Packet): readonly string[] {
  const end = TIER_END[outcome];
  return [
    `    tier ${tier}`,
    ...policies.flatMap(policy => policyLines(policy, packet)),
    ...(end === undefined ? [] : [`      ${end}`]),
  ];
}

function policyLines({ source, staged, rules, outcome }: PolicyTrace, packet: Packet): readonly string[] {
  const mark = staged ? ` (staged, not enforced; it would ${stagedText(outcome)})` : '';
  const empty = rules.length === 0 ? ': no rules for this direction' : '';
  return [
    `      ${formatRef(source)}${mark}${empty}`,
    ...rules.map(rule => `        ${ruleLine(rule, packet)}`),
  ];
}

function stagedText(outcome: PolicyTrace['outcome']): string {
  return outcome === 'no-match' ? 'not match' : outcome.toLowerCase();
}

function ruleLine({ rule, failed, members }: RuleTrace, packet: Packet): string {
  const head = `${rule.path} ${rule.action}`;
  if (failed !== undefined) return `${head}: no match, ${explainMiss(rule, failed, packet, members)}`;
  const by = members.map(({ member, set }) => `${member} of ${setText(set)}`);
  return `${head}: matches${by.length > 0 ? ` (${by.join('; ')})` : ''}`;
}

function setText(set: string): string {
  return set.slice(set.indexOf(':') + 1);
}
