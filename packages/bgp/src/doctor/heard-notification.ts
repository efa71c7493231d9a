import { formatIp } from '@muslin/net';
import type { PeerView } from '../speaker/peer-view.ts';
import { errorText } from '../wire/error-code.ts';
import { decodeNotification, type NotificationMessage, shutdownText } from '../wire/notification.ts';
import { capabilityNames } from './capability-names.ts';
import { type Finding, problem, type Whose } from './finding.ts';

interface Row {
  readonly code: string;
  readonly whose: Whose;
  readonly says: (peer: PeerView, message: NotificationMessage) => string;
}

const name = (peer: PeerView) => formatIp(peer.remoteIp);

/** What the peer's NOTIFICATION means for us, by `code/subcode`, then by `code` (RFC 4271 §6, 4486, 9003, 9234, 9384). */
const HEARD: Readonly<Record<string, Row>> = {
  '1': {
    code: 'our-header-refused',
    whose: 'ours',
    says: p =>
      `${name(p)} could not read the header of a message of ours: something between the two changes the bytes, or this is a bug of ours.`,
  },
  '2/1': {
    code: 'version-refused',
    whose: 'theirs',
    says: p => `${name(p)} does not speak BGP version 4: it has to be replaced or configured anew.`,
  },
  '2/2': {
    code: 'our-as-refused',
    whose: 'both',
    says: p =>
      `${name(p)} refuses our AS ${p.wish.localAs}: it is configured to expect another; set its remote AS to ${p.wish.localAs}, or our AS number to what it expects.`,
  },
  '2/3': {
    code: 'our-router-id-refused',
    whose: 'both',
    says: p =>
      `${name(p)} refuses our router ID ${formatIp(p.wish.routerId)}: most likely it has the same one; give one of the two another router ID.`,
  },
  '2/6': {
    code: 'our-hold-time-refused',
    whose: 'both',
    says: p =>
      `${name(p)} refuses our hold time: raise it here (keepaliveTime), or lower the least that it takes.`,
  },
  '2/7': {
    code: 'our-capabilities-refused',
    whose: 'both',
    says: (p, m) =>
      `${name(p)} insists on a capability that we don't offer${offered(m)}: let it ask for less, or turn the same on here.`,
  },
  '2/11': {
    code: 'our-role-refused',
    whose: 'both',
    says: p => `${name(p)} refuses our BGP role (RFC 9234): make the roles of the two sides match.`,
  },
  '2': {
    code: 'our-open-refused',
    whose: 'both',
    says: (p, m) =>
      `${name(p)} refuses our OPEN (${errorText(m.code, m.subcode)}): compare the options of both sides.`,
  },
  '3': {
    code: 'our-update-refused',
    whose: 'both',
    says: (p, m) =>
      `${name(p)} ended the session over an UPDATE of ours (${errorText(m.code, m.subcode)}): see "advertised" for what it was told, and its log for the attribute.`,
  },
  '4': {
    code: 'hold-expired-there',
    whose: 'network',
    says: p =>
      `${name(p)} heard nothing from us for its hold time: the way to it loses packets, or this node was too busy to speak; check the path and its MTU.`,
  },
  '5': {
    code: 'state-error-there',
    whose: 'theirs',
    says: (p, m) =>
      `${name(p)} got a message that it did not expect (${errorText(m.code, m.subcode)}): two sessions may be mixed up there; if it repeats, it is a bug of one side.`,
  },
  '6/1': {
    code: 'too-many-routes-for-peer',
    whose: 'both',
    says: p =>
      `${name(p)} accepts fewer routes than we tell it: filter what we export, or raise the prefix limit there.`,
  },
  '6/2': {
    code: 'shut-down-there',
    whose: 'theirs',
    says: (p, m) =>
      `An operator shut the session down on ${name(p)}${words(m)}: it has to be enabled there again.`,
  },
  '6/3': {
    code: 'removed-there',
    whose: 'theirs',
    says: p =>
      `This session was removed from the configuration of ${name(p)}: add it there again, or remove it here.`,
  },
  '6/4': {
    code: 'reset-there',
    whose: 'theirs',
    says: (p, m) => `An operator reset the session on ${name(p)}${words(m)}: it comes back by itself.`,
  },
  '6/5': {
    code: 'rejected',
    whose: 'theirs',
    says: p =>
      `${name(p)} rejects the connection: it has no neighbour with our address, or that one is off; configure ${ourAddress(p)} there, or enable it.`,
  },
  '6/6': {
    code: 'reconfigured-there',
    whose: 'theirs',
    says: p => `The configuration of ${name(p)} changed: the session comes back by itself.`,
  },
  '6/8': {
    code: 'out-of-resources-there',
    whose: 'theirs',
    says: p => `${name(p)} ran out of resources: it needs more memory or fewer routes.`,
  },
  '6/10': {
    code: 'bfd-down-there',
    whose: 'network',
    says: p =>
      `BFD on ${name(p)} lost this node: the link between the two fails, or one side was too busy to answer in time.`,
  },
  '6': {
    code: 'ended-there',
    whose: 'theirs',
    says: (p, m) => `${name(p)} ended the session (${errorText(m.code, m.subcode)}).`,
  },
  '7': {
    code: 'refresh-refused',
    whose: 'ours',
    says: p => `${name(p)} could not read a ROUTE-REFRESH of ours: this is a bug of one side.`,
  },
  '8': {
    code: 'send-hold-expired-there',
    whose: 'ours',
    says: p =>
      `${name(p)} could not get rid of what it had to tell us (RFC 9687): this node read nothing for minutes, or the way to us is broken.`,
  },
};

/** What a NOTIFICATION from the peer means, and what to do. */
export function diagnoseHeard(peer: PeerView, message: NotificationMessage): Finding {
  const meant = unwrapped(message);
  if (meant !== message) return diagnoseHeard(peer, meant);
  const row = HEARD[`${message.code}/${message.subcode}`] ?? HEARD[`${message.code}`];
  if (row === undefined)
    return problem(
      'ended-there',
      'theirs',
      `${name(peer)} ended the session (${errorText(message.code, message.subcode)}): see its log.`,
    );
  return problem(row.code, row.whose, row.says(peer, message));
}

/** The error that a hard reset stands for, which carries no further one (RFC 8538 §3.1); others are what they say. */
export function unwrapped(message: NotificationMessage): NotificationMessage {
  if (message.code !== 6 || message.subcode !== 9 || message.data.length < 2) return message;
  const inner = decodeNotification(message.data);
  return inner.code === 6 && inner.subcode === 9 ? { ...inner, data: new Uint8Array(0) } : inner;
}

function words(message: NotificationMessage): string {
  const text = shutdownText(message);
  return text === undefined ? '' : `, saying “${text}”`;
}

function offered(message: NotificationMessage): string {
  const list = capabilityNames(message.data);
  return list.length === 0 ? '' : ` (${list.join(', ')})`;
}

function ourAddress(peer: PeerView): string {
  const address = peer.localIp ?? peer.wish.source;
  return address === undefined ? "this node's address" : formatIp(address);
}
