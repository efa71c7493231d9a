import type {
  Decision,
  Edit,
  Explanation,
  Note,
  PathExplanation,
  PolicyTrace,
  RuleTrace,
  TierTrace,
} from '@muslin/policy';
import { formatIp } from '@muslin/net';
import { formatPlace } from '../files/place.ts';
import { type Paint, printable } from '../output/paint.ts';
import type { World } from '../world/world.ts';
import { mismatchText, setText } from './mismatch-text.ts';
import { hasPorts, protocolName } from './protocol.ts';
import { endpointName, formatRef, reasonText } from './reason-text.ts';

/** What `whyText` needs beside the explanation. */
export interface WhyFrame {
  /** Both ends as the person named them. */
  readonly from: string;
  readonly to: string;
  readonly paint: Paint;
  readonly placeOf: World['placeOf'];
}

/** What would turn the answer: single edits, or several together where no single one would. */
export interface Advice {
  readonly edits: readonly Edit[];
  readonly together: readonly Edit[];
}

/** The best come first. */
const MAX_EDITS = 5;
/** Of the rules of one policy that do not match; nobody reads a thousand. */
const MAX_MISSES = 15;

/** The verdict in one line, then what both ends asked, in order, each with where it stands. */
export function whyText(explanation: Explanation, { edits, together }: Advice, frame: WhyFrame): string {
  const { answer, paths, notes } = explanation;
  const lines = [headline(explanation, frame)];
  for (const note of notes) lines.push(`note: ${noteText(note)}`);
  const many = paths.length > 1;
  for (const path of paths) {
    if (many)
      lines.push(
        '',
        `backend ${endName(path)}: ${painted(path.answer, frame.paint)}${path.ready ? '' : ', not ready'}`,
      );
    for (const note of path.notes) lines.push(`note: ${noteText(note)}`);
    for (const decision of [path.egress, ...path.crossings, path.ingress])
      lines.push('', ...decisionLines(decision, path, frame));
  }
  if (paths.length === 0 && answer === 'deny') lines.push('', 'There is nothing to connect to.');
  if (edits.length > 0) {
    lines.push('', `Any one of these alone would ${answer === 'allow' ? 'deny' : 'allow'} it:`);
    for (const { text } of edits.slice(0, MAX_EDITS)) lines.push(`  - ${printable(text)}`);
    if (edits.length > MAX_EDITS)
      lines.push(frame.paint.dim(`  (and ${edits.length - MAX_EDITS} more; -o yaml lists all)`));
  }
  if (together.length > 0) {
    lines.push('', 'No single edit would allow it; these together would:');
    for (const { text } of together) lines.push(`  - ${printable(text)}`);
  }
  return `${lines.join('\n')}\n`;
}

function headline({ answer, flow, paths }: Explanation, { from, to, paint }: WhyFrame): string {
  const port = flow.port === undefined || !hasPorts(flow.protocol) ? '' : `:${flow.port}`;
  const what = `${painted(answer, paint)}  ${from} -> ${to}${port}/${protocolName(flow.protocol)}`;
  const [path] = paths;
  if (path === undefined || paths.length > 1) return what;
  const ends = [path.egress, ...path.crossings, path.ingress].filter(end => end.answer === answer);
  // A side that nothing restricts explains nothing when the other side has a rule to show.
  const silent = ['not-selectable', 'no-policy'];
  const telling =
    ends.find(end => end.because.code === 'rule') ??
    ends.find(end => !silent.includes(end.because.code)) ??
    ends[0];
  return telling === undefined ? what : `${what}  (${telling.direction}: ${printable(reasonText(telling))})`;
}

function decisionLines(decision: Decision, path: PathExplanation, frame: WhyFrame): readonly string[] {
  const { direction, endpoint, answer } = decision;
  const who =
    endpoint === undefined
      ? formatIp(path.packet[direction === 'egress' ? 'source' : 'destination'])
      : endpointName(endpoint);
  const through = path.crossings.includes(decision) ? ', which forwards it' : '';
  const head = `${direction} of ${who}${through}: ${painted(answer, frame.paint)} - ${printable(reasonText(decision))}`;
  return [head, ...decision.tiers.flatMap(tier => tierLines(tier, path, frame))];
}

function tierLines(tier: TierTrace, path: PathExplanation, frame: WhyFrame): readonly string[] {
  const lines = [`  tier ${tier.tier}`];
  for (const policy of tier.policies) {
    lines.push(`    ${policyHead(policy, frame)}`);
    const rules = worthTelling(policy.rules);
    for (const rule of rules) lines.push(`      ${ruleLine(rule, policy, path, frame)}`);
    const more = policy.rules.length - rules.length;
    if (more > 0)
      lines.push(`      ${frame.paint.dim(`(and ${more} more rules that do not match; -o yaml lists all)`)}`);
    if (policy.rules.length === 0) lines.push(`      ${frame.paint.dim('it has no rules')}`);
  }
  const end = {
    'default-deny': 'deny what no rule matched',
    'default-pass': 'pass what no rule matched',
    'staged-only': 'nothing here is enforced',
  };
  if (tier.outcome in end) lines.push(`    end of tier: ${end[tier.outcome as keyof typeof end]}`);
  return lines;
}

/** What matched, and the misses that came nearest: where the ends are right, only ports are left to fail. */
function worthTelling(rules: readonly RuleTrace[]): readonly RuleTrace[] {
  const misses = rules.filter(({ matched }) => !matched);
  if (misses.length <= MAX_MISSES) return rules;
  const far = ({ failed }: RuleTrace) => (/[pP]ort/.test(failed ?? '') ? 0 : 1);
  const near = new Set(misses.toSorted((a, b) => far(a) - far(b)).slice(0, MAX_MISSES));
  return rules.filter(rule => rule.matched || near.has(rule));
}

function policyHead(policy: PolicyTrace, frame: WhyFrame): string {
  const staged = policy.staged ? ', staged: no say' : '';
  const outcome = policy.outcome === 'no-match' ? 'no rule matches' : policy.outcome;
  return `${printable(formatRef(policy.source))}${at(frame.placeOf(policy.source, '', policy.policy), frame)}: ${outcome}${staged}`;
}

function ruleLine(trace: RuleTrace, policy: PolicyTrace, path: PathExplanation, frame: WhyFrame): string {
  const { rule, matched, members } = trace;
  const mark = matched ? frame.paint.bold('*') : '-';
  const why = matched
    ? `${rule.action}${members.length === 0 ? '' : `, as ${members.map(one => memberText(one, path)).join(' and ')}`}`
    : frame.paint.dim(printable(`${mismatchText(trace, path.packet)}${unselectable(trace, path)}`));
  return `${mark} ${rule.path}${at(frame.placeOf(policy.source, rule.path, policy.policy), frame)}: ${why}`;
}

/** A pod in its node's network has no address of its own that labels would find (netpol S16, S18). */
function unselectable({ failed }: RuleTrace, { from, to }: PathExplanation): string {
  const end = failed === 'source.inSets' ? from : failed === 'destination.inSets' ? to : undefined;
  if (end?.kind !== 'node' || end.endpoint === undefined) return '';
  return `: ${endpointName(end.endpoint)} has its node's address, which labels of pods do not find`;
}

/** `source shop/web-1 (10.0.0.1) is app == "web" in namespace shop`; the member is what the kernel's set holds. */
function memberText({ part, set, member }: RuleTrace['members'][number], path: PathExplanation): string {
  const text = printable(setText(set));
  const address = member.replace(/\/(32|128)$/, '');
  const [side] = part.split('.');
  if (part.endsWith('ortSets')) return `${address} is ${text}`;
  const end = side === 'source' ? path.from : path.to;
  const pod = end.kind === 'pod' ? endpointName(end.endpoint) : undefined;
  return pod === undefined ? `${side} ${address} is in ${text}` : `${side} ${pod} (${address}) is ${text}`;
}

function at(place: ReturnType<World['placeOf']>, { paint }: WhyFrame): string {
  return place === undefined ? '' : ` ${paint.dim(`[${printable(formatPlace(place))}]`)}`;
}

function endName({ to, packet }: PathExplanation): string {
  const endpoint = to.kind === 'external' ? undefined : to.endpoint;
  const port = packet.destinationPort === undefined ? '' : `:${packet.destinationPort}`;
  return `${endpoint === undefined ? formatIp(packet.destination) : endpointName(endpoint)}${port}`;
}

function painted(answer: 'allow' | 'deny', paint: Paint): string {
  return answer === 'allow' ? paint.good('allow') : paint.bad('deny');
}

function noteText(note: Note): string {
  switch (note.code) {
    case 'translated':
      return `Service ${note.service} (${note.clusterIp}) is translated to a backend before policies look, so rules must name its pods and their ports`;
    case 'headless':
      return `Service ${note.service} is headless: its name resolves to its backends`;
    case 'host-port':
      return `port ${note.hostPort} of node ${note.node} is a hostPort of ${endpointName(note.endpoint)} and translated to its port ${note.port} before policies look, so rules must name the pod and that port`;
    case 'sent-on':
      return `the connection comes in at node ${note.node}, which sends it on to another node with its own address as the source`;
    case 'entry-unknown':
      return `the connection is taken to come in at the backend's node; at another one, that node's address would be the source (externalTrafficPolicy of Service ${note.service} is Cluster)`;
    case 'no-backends':
      return `Service ${note.service} has no ready backend`;
    case 'backend-not-ready':
      return `the backend is not ready, so Service ${note.service} does not choose it`;
    case 'hairpin':
      return `a pod that reaches itself through a translated address arrives from its node ${note.node}`;
    case 'assumed-interface':
      return `${endpointName(note.endpoint)} names an interface, which is taken for the one with the node's address`;
    case 'staged-deletion':
      return `staged: without ${printable(formatRef(note.policy))} the answer would be ${note.answer}, as ${printable(formatRef(note.staged))} would delete it`;
    case 'shared-address':
      return `several pods list this address: ${note.endpoints.map(endpointName).join(', ')}; the first was taken`;
    default:
      return note satisfies never;
  }
}
