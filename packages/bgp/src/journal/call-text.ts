import { formatIp, formatPrefix } from '@muslin/net';
import type { Input } from '../speaker/input.ts';
import { decodeMessage } from '../wire/message.ts';
import { notificationText } from '../wire/notification.ts';
import { PLAIN_OPTIONS } from '../wire/options.ts';
import { Framer } from '../wire/framer.ts';
import type { SpeakerCall } from './journal-entry.ts';

/** A call on one line, for people who read a journal. */
export function callText(call: SpeakerCall): string {
  switch (call.call) {
    case 'begin':
      return `a speaker begins: AS ${call.options.asNumber}, router ID ${formatIp(call.options.routerId)}`;
    case 'setPeer':
      return `peer ${call.config.id} is configured: AS ${call.config.remoteAs}`;
    case 'removePeer':
      return `peer ${call.id} is removed`;
    case 'shutDown':
      return `the speaker shuts down${call.options.graceful ? ', gracefully' : ''}`;
    case 'originate':
      return `own route ${formatPrefix(call.prefix)}`;
    case 'withdraw':
      return `own route ${formatPrefix(call.prefix)} is withdrawn`;
    case 'requestRefresh':
      return `peer ${call.id} is asked for its ${call.family} routes again`;
    case 'handle':
      return inputText(call.input);
    default:
      return call satisfies never;
  }
}

function inputText(input: Input): string {
  switch (input.kind) {
    case 'connected':
      return `${input.connection}: connected, from ${formatIp(input.localIp)}`;
    case 'accepted':
      return `${input.connection}: ${formatIp(input.remoteIp)} called ${formatIp(input.localIp)}`;
    case 'connectFailed':
      return `${input.connection}: no connection: ${input.message}`;
    case 'closed':
      return `${input.connection}: closed${input.message === undefined ? '' : `: ${input.message}`}`;
    case 'bytes':
      return `${input.connection}: ${messagesText(input.bytes)}`;
    case 'burst':
      return input.inputs.map(inputText).join('; ');
    case 'timer':
      return `timer ${input.id} is due`;
    case 'backlog':
      return `${input.connection}: ${input.bytes} octets wait`;
    case 'nextHop':
      return `next hop ${formatIp(input.ip)}: ${input.cost}`;
    case 'peerDown':
      return `peer ${input.peer} is down: ${input.message}`;
    default:
      return input satisfies never;
  }
}

/** Messages in a piece of a stream; a piece need not begin or end with one. */
function messagesText(bytes: Uint8Array): string {
  const framer = new Framer();
  framer.maxLength = 65535;
  framer.push(bytes);
  const names: string[] = [];
  for (let frame = framer.next(); frame !== undefined && !('severity' in frame); frame = framer.next()) {
    const message = decodeMessage(frame, PLAIN_OPTIONS);
    if (!message.ok) names.push(`message type ${frame.type}`);
    else if (message.value.kind === 'notification') names.push(notificationText(message.value));
    else names.push(message.value.kind.toUpperCase());
  }
  return `${bytes.length} octets${names.length === 0 ? '' : `: ${names.join(', ')}`}`;
}
