import { formatIp } from '@muslin/net';
import type { PeerView } from '../speaker/peer-view.ts';
import { type Finding, problem } from './finding.ts';
import type { KernelWitness } from './kernel-witness.ts';

/** The peer as people know it: `10.0.0.254 port 179`. */
export function placeOf({ remoteIp, wish }: PeerView): string {
  return `${formatIp(remoteIp)} port ${wish.port}`;
}

/** Why TCP does not come about. */
export function diagnoseReach(peer: PeerView, witness: KernelWitness): Finding | undefined {
  const { reach } = peer.history;
  if (reach === undefined) return undefined;
  const place = placeOf(peer);
  switch (reach.failure) {
    case 'refused':
      return problem(
        'refused',
        'theirs',
        `Nothing listens on ${place}: the peer refuses the connection; start BGP there, and make it accept ${calledFrom(peer)}.`,
      );
    case 'no-route':
      return problem(
        'no-route',
        'ours',
        `This node has no route to ${formatIp(peer.remoteIp)}: add one, or correct the peer's address.`,
      );
    case 'no-neighbour':
      return problem(
        'no-neighbour',
        'network',
        `The network says that ${formatIp(peer.remoteIp)} is not there (${reach.message}): check that it is up, on the link that this node expects, and that no router on the way rejects TCP port ${peer.wish.port}.`,
      );
    case 'no-source':
      return problem(
        'no-source',
        'ours',
        `The session is to be made from ${peer.wish.source === undefined ? 'an address' : formatIp(peer.wish.source)}, which is not this node's: correct the source address, or the node's BGP address.`,
      );
    case 'blocked-here':
      return problem(
        'blocked-here',
        'ours',
        `This node keeps its own packets to ${formatIp(peer.remoteIp)} from leaving (${reach.message}): a route of type blackhole, unreachable or prohibit leads there, or its firewall drops them; look at \`ip route get ${formatIp(peer.remoteIp)}\`.`,
      );
    case 'unanswered':
      return diagnoseSilence(peer, witness);
    case 'not-tried':
      return problem('not-tried', 'ours', `This node can't call ${place}: ${reach.message}.`);
    default:
      return reach.failure satisfies never;
  }
}

/** What this machine's own sockets prove, whatever else it looks like. */
export function diagnoseProof(peer: PeerView, witness: KernelWitness): Finding | undefined {
  const { dropped = 0, stopped = false } = witness.connections ?? {};
  const { signed, ttlSecurityHops: hops } = peer.wish;
  const place = placeOf(peer);
  if (stopped)
    return problem(
      'blocked-here',
      'ours',
      `This node drops its own packets to ${place} before they leave: a rule of its firewall (chain OUTPUT or POSTROUTING), or of a policy for the node itself, forbids them; let this node connect to ${place}.`,
    );
  const badlySigned = signed && witness.wronglySigned + witness.unsigned > 0;
  if (dropped > 0 && hops !== undefined && witness.tooFar > 0 && !badlySigned)
    return tooFar(place, hops, 'is dropping');
  return undefined;
}

/** A wall, a password and a TTL all look like silence; only the options and the kernel's counters differ. */
export function diagnoseSilence(peer: PeerView, witness: KernelWitness): Finding {
  const { signed, ttlSecurityHops: hops, port } = peer.wish;
  const place = placeOf(peer);
  if (hops !== undefined && witness.tooFar > 0) return tooFar(place, hops, 'is dropping');
  if (signed && witness.wronglySigned > 0) {
    // The counters are the whole node's: where both grew, nobody knows whose segments were which.
    const orNone = witness.unsigned > 0;
    return problem(
      'wrong-password',
      'both',
      `The passwords differ${orNone ? ', or there is none over there' : ''}: this node drops segments that are ${orNone ? 'not signed, or ' : ''}signed with another TCP-MD5 password than the one set for ${place}; write the same on both sides.`,
    );
  }
  if (signed && witness.unsigned > 0)
    return problem(
      'password-missing-there',
      'theirs',
      `${place} does not sign its segments, and a TCP-MD5 password is set for it here: set the same password there, or remove it here.`,
    );
  if (!signed && witness.unexpectedlySigned > 0)
    return problem(
      'password-missing-here',
      'ours',
      `Somebody signs segments to this node, and no TCP-MD5 password is set here for ${place}, which does not answer: set the password that it has, or remove it there; if it has none, a firewall on the way drops TCP port ${port}.`,
    );
  if (signed)
    return problem(
      'wrong-password-suspected',
      'both',
      `${place} does not answer, which is what a wrong TCP-MD5 password looks like: compare the passwords first, then look for a filter of TCP port ${port} on the way.`,
    );
  if (hops !== undefined) return tooFar(place, hops, 'may be dropping');
  return problem(
    'filtered',
    'network',
    `${place} does not answer at all: a firewall on the way, on the peer, or of this node for what comes in, drops TCP port ${port}, the peer is down, or it expects a TCP-MD5 password; open the port and check that it is up.`,
  );
}

function tooFar(place: string, hops: number, verb: string): Finding {
  return problem(
    'ttl-security',
    'both',
    `TTL security (RFC 5082) ${verb} what ${place} sends, as it must come with a TTL of at least ${256 - hops}: let the peer send with TTL 255 (BIRD "ttl security on", FRR "ttl-security hops ${hops}"), or correct the number of hops here.`,
  );
}

function calledFrom({ wish }: PeerView): string {
  return wish.source === undefined ? "this node's address" : formatIp(wish.source);
}
