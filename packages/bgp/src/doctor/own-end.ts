import { formatIp } from '@muslin/net';
import type { EndReason } from '../session/session-state.ts';
import type { PeerEnd } from '../speaker/peer-history.ts';
import type { PeerView } from '../speaker/peer-view.ts';
import { diagnoseHeard } from './heard-notification.ts';
import { type Finding, problem, type Whose } from './finding.ts';

/** Whose turn it is when we refused a peer, by the NOTIFICATION that we sent. */
const SENT: Readonly<Record<string, readonly [code: string, whose: Whose, todo: string]>> = {
  '2/2': ['wrong-as', 'both', "correct the AS number there, or the peer's AS number here"],
  '2/3': ['router-id-taken', 'both', 'give one of the two another router ID'],
  '2/6': ['hold-time-too-short', 'theirs', 'configure a hold time of at least 3 s there'],
  '2/7': ['capability-missing', 'theirs', 'turn the address family on there, or off here'],
  '2/11': ['roles-do-not-match', 'both', 'make the roles of the two sides match (RFC 9234)'],
};

/** What the end of a session means, when TCP worked. */
export function diagnoseEnd(peer: PeerView, end: PeerEnd): Finding {
  const { reason, established } = end;
  const who = formatIp(peer.remoteIp);
  switch (reason.cause) {
    case 'notification-received':
      return heard(peer, reason);
    case 'protocol-error':
      return refused(who, reason);
    case 'hold-timer':
      return problem(
        'hold-expired',
        'network',
        `${who} was silent for longer than the hold time: it hangs or is gone, or the way from it loses packets; check its CPU, the path and its MTU.`,
      );
    case 'send-hold-timer':
      return problem(
        'send-hold-expired',
        'theirs',
        `${who} read nothing of what we sent for minutes (RFC 9687): it hangs, or the way to it is broken.`,
      );
    case 'closed-by-peer':
      return established ? lost(who, reason) : closedEarly(peer, reason);
    case 'collision':
    case 'replaced':
      return problem(
        'collision',
        'nobody',
        `${who} and this node called each other at once, and one connection was kept (RFC 4271 §6.8): this settles by itself.`,
      );
    case 'stopped':
    case 'silent':
      return problem('stopped', 'ours', `This node ended the session: ${reason.message}.`);
    default:
      return reason.cause satisfies never;
  }
}

function heard(peer: PeerView, { notification, message }: EndReason): Finding {
  return notification === undefined
    ? problem('ended-there', 'theirs', `${message}.`)
    : diagnoseHeard(peer, notification);
}

function refused(who: string, { notification, message }: EndReason): Finding {
  const row = SENT[`${notification?.code}/${notification?.subcode}`];
  if (row !== undefined) {
    const [code, whose, todo] = row;
    return problem(code, whose, `${upperFirst(bare(message))}: ${todo} (${who}).`);
  }
  return problem(
    'peer-broke-protocol',
    'theirs',
    `${who} broke the protocol, so that we had to end the session: ${bare(message)}; look for a newer version of its BGP.`,
  );
}

/** The reason without who ended it and the code: `the peer is in AS 65009, 65001 is configured`. */
function bare(message: string): string {
  return message.replace(/^we ended the session: /, '').replace(/ \([^()]*(?:\([^()]*\)[^()]*)*\)$/, '');
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function lost(who: string, { message }: EndReason): Finding {
  return problem(
    'connection-lost',
    'network',
    `The connection to ${who} broke without a word of BGP (${message}): it restarted, or the way to it is broken.`,
  );
}

function closedEarly(peer: PeerView, { message }: EndReason): Finding {
  const who = formatIp(peer.remoteIp);
  const from = peer.wish.source === undefined ? "this node's address" : formatIp(peer.wish.source);
  return problem(
    'closed-before-open',
    'theirs',
    `${who} takes our connection and closes it before BGP begins (${message}): it knows no neighbour with ${from}, or that one is off; configure it there.`,
  );
}
