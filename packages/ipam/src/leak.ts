import { formatIp, type Ip, type Prefix } from '@muslin/net';
import type { BlockAttribute, Sequence } from './block.ts';
import type { InUse } from './inventory.ts';
import { FLOATING_TYPE, UID_ATTRIBUTE } from './owner.ts';

/** A pod that may hold addresses, as the API server tells it. Leave finished pods out. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string | undefined;
  /** Empty until reported. */
  readonly ips: readonly Ip[];
  /** It is being deleted: its addresses may be given back already, and its status still names them. */
  readonly leaving?: boolean;
}

/** What is known about the cluster besides the store. */
export interface Witnesses {
  /** By `namespace/name`. */
  readonly pods: ReadonlyMap<string, PodFacts>;
  readonly nodes: ReadonlySet<string>;
  /** Addresses that each node's kernel has for its pods and tunnels, as text; a node that did not report is absent. */
  readonly onHost: ReadonlyMap<string, ReadonlySet<string>>;
  /** Nodes whose kernel may have more than `onHost` says: what it has vetoes, what it lacks proves nothing. */
  readonly partly?: ReadonlySet<string>;
  /** Ms since the epoch. */
  readonly now: number;
  /** An address younger than this is never a leak: its pod may not be reported yet. */
  readonly graceMs: number;
}

/** One witness' word that nobody uses an address. Two of different sources make a proof. */
export interface Evidence {
  readonly source: 'pods' | 'nodes' | 'kernel';
  readonly says: 'pod-gone' | 'pod-replaced' | 'pod-elsewhere' | 'node-gone' | 'not-on-host' | 'node-silent';
  readonly message: string;
}

/** An address that seems to be held by nobody. */
export interface Leak {
  readonly ip: Ip;
  readonly block: Prefix;
  readonly handleId: string | undefined;
  readonly sequence: Sequence | undefined;
  readonly attribute: BlockAttribute;
  readonly evidence: readonly Evidence[];
  /** A kernel has the address: it is not freed, whatever the API says. */
  readonly veto: string | undefined;
}

/** Leave to free one life of one address: two independent witnesses and no veto. Made by `proveLeak` alone. */
export interface LeakProof {
  readonly ip: Ip;
  readonly block: Prefix;
  readonly handleId: string;
  readonly sequence: Sequence | undefined;
  readonly evidence: readonly [Evidence, Evidence, ...Evidence[]];
}

/** Whether an address is a leak, and who says so; undefined when its holder lives, or is not known to be gone. */
export function leakOf(address: InUse, witnesses: Witnesses): Leak | undefined {
  const { attribute, ip, block, sequence } = address;
  const { secondary } = attribute;
  const born = Date.parse(secondary['timestamp'] ?? '');
  if (witnesses.now - born < witnesses.graceMs) return undefined;
  const node = secondary['node'];
  const first =
    secondary['pod'] === undefined
      ? tunnelEvidence(secondary, witnesses)
      : podEvidence(ip, secondary, witnesses);
  if (first === undefined || isMoving(address, witnesses)) return undefined;
  const evidence = [...first];
  let veto: string | undefined;
  if (node !== undefined) {
    if (!witnesses.nodes.has(node) && !evidence.some(word => word.source === 'nodes'))
      evidence.push({ source: 'nodes', says: 'node-gone', message: `there is no Node ${node}` });
    const kernel = witnesses.onHost.get(node);
    const text = formatIp(ip);
    if (kernel?.has(text)) veto = `the kernel of ${node} has ${text}`;
    else if (kernel !== undefined && !witnesses.partly?.has(node))
      evidence.push({
        source: 'kernel',
        says: 'not-on-host',
        message: `the kernel of ${node} does not have ${text}`,
      });
    else if (!witnesses.nodes.has(node))
      evidence.push({ source: 'kernel', says: 'node-silent', message: `${node} does not report any more` });
  }
  return { ip, block: block.cidr, handleId: attribute.handleId, sequence, attribute, evidence, veto };
}

/**
 * Whether its second owner lives: a virtual machine keeps its address while it moves from one pod to another, and the first owner
 * goes before the words change places (Calico, live migration).
 */
function isMoving({ attribute, ip }: InUse, { pods, onHost }: Witnesses): boolean {
  const { namespace, pod, node = '' } = attribute.alternateOwnerAttrs ?? {};
  if (pod === undefined) return false;
  return pods.has(`${namespace}/${pod}`) || (onHost.get(node)?.has(formatIp(ip)) ?? false);
}

/** A proof, when two different sources agree and no kernel objects. */
export function proveLeak(leak: Leak): LeakProof | undefined {
  const { ip, block, handleId, sequence, evidence, veto } = leak;
  if (veto !== undefined || handleId === undefined) return undefined;
  const [first, ...others] = evidence;
  const second = others.find(word => word.source !== first?.source);
  if (first === undefined || second === undefined) return undefined;
  const rest = others.filter(word => word !== second);
  return { ip, block, handleId, sequence, evidence: [first, second, ...rest] };
}

function podEvidence(
  ip: Ip,
  secondary: Readonly<Record<string, string>>,
  witnesses: Witnesses,
): readonly Evidence[] | undefined {
  const name = `${secondary['namespace']}/${secondary['pod']}`;
  const pod = witnesses.pods.get(name);
  const say = (says: Evidence['says'], message: string): readonly Evidence[] => [
    { source: 'pods', says, message },
  ];
  if (pod === undefined) return say('pod-gone', `there is no Pod ${name}`);
  const uid = secondary[UID_ATTRIBUTE];
  if (uid !== undefined && uid !== pod.uid)
    return say('pod-replaced', `Pod ${name} is another one: its uid is ${pod.uid}, not ${uid}`);
  // A pod's status does not name these.
  if (secondary['type'] === FLOATING_TYPE) return undefined;
  if (pod.ips.length === 0 || pod.ips.some(own => formatIp(own) === formatIp(ip))) return undefined;
  return say('pod-elsewhere', `Pod ${name} has ${pod.ips.map(formatIp).join(', ')}`);
}

/** A tunnel address lives as long as its node; other holders are not known here. */
function tunnelEvidence(
  secondary: Readonly<Record<string, string>>,
  witnesses: Witnesses,
): readonly Evidence[] | undefined {
  const node = secondary['node'];
  if (node === undefined || !/tunnel/i.test(secondary['type'] ?? '') || witnesses.nodes.has(node))
    return undefined;
  return [{ source: 'nodes', says: 'node-gone', message: `there is no Node ${node}` }];
}
