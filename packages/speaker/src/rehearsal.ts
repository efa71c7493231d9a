import { encodeMessage, KEEPALIVE, type Message, packNlri, PLAIN_OPTIONS, Speaker } from '@muslin/bgp';
import { ip4, prefix } from '@muslin/net';

const AS = 64_512;
/** Made-up UPDATEs, and how many of them reach the speaker in one call. */
const UPDATES = 6_000;
const PER_CALL = [1, 1, 1, 40] as const;
/** The same few prefixes again and again: the tables stay small. */
const PREFIXES = 2_048;
const PER_UPDATE = 5;

/**
 * Relays a small made-up table between two made-up peers, and forgets it. V8 makes machine code of what has run often
 * enough; after this the first real route, and the first full table, already meet it. Takes about 0.2 s of one core,
 * before the first session. Gives the octets that were relayed.
 */
export function rehearse(): number {
  const speaker = new Speaker({ asNumber: AS, routerId: ip4(0x0a_00_00_01) });
  const feeder = join(speaker, 1);
  const sink = join(speaker, 2);
  let relayed = 0;
  let octets: Uint8Array[] = [];
  for (let i = 0, call = 0; i < UPDATES; i++) {
    octets.push(encodeMessage(i % 8 === 7 ? withdrawal(i) : announcement(i), PLAIN_OPTIONS));
    if (octets.length < (PER_CALL[call % PER_CALL.length] as number)) continue;
    call++;
    for (const output of speaker.handle({ kind: 'bytes', connection: feeder, bytes: joined(octets) }, i))
      if (output.kind === 'send' && output.connection === sink) relayed += output.bytes.length;
    speaker.handle({ kind: 'burst', inputs: [{ kind: 'backlog', connection: sink, bytes: 0 }] }, i);
    octets = [];
  }
  const late = join(speaker, 3);
  for (const connection of [feeder, sink, late]) speaker.handle({ kind: 'closed', connection }, UPDATES);
  return relayed;
}

/** Brings a session with a made-up peer up. */
function join(speaker: Speaker, number: number): string {
  const connection = `in-${number}`;
  const remoteIp = ip4(0x0a_00_01_00 + number);
  const remoteAs = AS + number;
  speaker.setPeer({ id: connection, remoteIp, remoteAs, passive: true, gracefulRestartTime: 0 });
  speaker.handle({ kind: 'accepted', connection, localIp: ip4(0x0a_00_00_01), remoteIp }, 0);
  const capabilities = [
    { kind: 'multiprotocol', value: { afi: 1, safi: 1 } },
    { kind: 'fourOctetAs', value: remoteAs },
  ] as const;
  const open: Message = {
    ...{ kind: 'open', version: 4, asNumber: remoteAs, holdTime: 180, identifier: remoteIp, capabilities },
  };
  for (const message of [open, KEEPALIVE])
    speaker.handle({ kind: 'bytes', connection, bytes: encodeMessage(message, PLAIN_OPTIONS) }, 0);
  return connection;
}

function announcement(i: number): Message {
  return {
    ...{ kind: 'update', withdrawn: routes(0, 0), announced: routes(i, PER_UPDATE), faults: [] },
    attributes: {
      origin: 'igp',
      asPath: [{ kind: 'sequence', asNumbers: [AS + 1, 1000 + (i % 977), 2000 + (i % 31)] }],
      nextHop: { ip: ip4(0x0a_00_01_01) },
      communities: [i],
    },
  };
}

function withdrawal(i: number): Message {
  const withdrawn = routes(i - 1, PER_UPDATE);
  return { kind: 'update', withdrawn, announced: routes(0, 0), faults: [], attributes: {} };
}

function routes(from: number, count: number) {
  return packNlri(
    'ipv4-unicast',
    Array.from({ length: count }, (_, n) => {
      const number = (from * PER_UPDATE + n) % PREFIXES;
      return { prefix: prefix(ip4(0x0b_00_00_00 + number * 256), 24), pathId: 0 };
    }),
  );
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
