import { type Ip4, mustIp } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { encodeMessage, KEEPALIVE, type Output, PLAIN_OPTIONS, Speaker } from '../src/index.ts';
import { asPath, attr, BASE, BytePeer, join, raw, updateBody } from './byte-peer.ts';

const ROUTES = 24_000;
const MIB = 1 << 20;

/** Routes with attributes of their own, a hundred UPDATEs to a piece: more octets than one peer may have unsent. */
function* pieces(): Iterable<Uint8Array> {
  for (let from = 0; from < ROUTES; from += 100) {
    const messages = Array.from({ length: 100 }, (_, i) => {
      const number = from + i;
      const nlri = [24, 20 + (number >> 16), (number >> 8) & 255, number & 255];
      return raw(
        2,
        updateBody([BASE.origin, asPath(65001, 1000 + number), attr(0x40, 3, [10, 0, 0, 2])], nlri),
      );
    });
    yield join(...messages);
  }
}

describe('beside a peer that reads nothing', () => {
  const speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4 });
  const peers = [1, 2, 3].map(i => {
    const [ip, asNumber] = [`10.0.0.${i + 1}`, 65000 + i];
    const peer = new BytePeer({ id: ip, remoteIp: mustIp(ip), remoteAs: asNumber }, {}, speaker);
    peer.open({ asNumber, id: ip }).write(raw(4, new Uint8Array(0)));
    return peer;
  });
  const [feeder, reader, stuck] = peers as [BytePeer, BytePeer, BytePeer];
  const octets = new Map<string, number>(peers.map(({ connection }) => [connection, 0]));
  const count = (outputs: readonly Output[]): void => {
    for (const output of outputs) {
      if (output.kind !== 'send') continue;
      octets.set(output.connection, (octets.get(output.connection) ?? 0) + output.bytes.length);
    }
  };
  const backlogOf = ({ connection }: BytePeer, bytes: number) =>
    count(speaker.handle({ kind: 'backlog', connection, bytes }, 0));
  for (const bytes of pieces()) {
    count(speaker.handle({ kind: 'bytes', connection: feeder.connection, bytes }, 0));
    backlogOf(reader, 0);
    backlogOf(stuck, octets.get(stuck.connection) ?? 0);
  }
  const advertised = (id: string) => speaker.peers().find(peer => peer.id === id)?.families[0];

  test('another one gets everything at once', () => {
    expect(octets.get(reader.connection)).toBeGreaterThan(1.2 * MIB);
    expect(advertised('10.0.0.3')).toMatchObject({ advertised: ROUTES, queued: 0 });
  });

  test('what is made for it stays within a limit, and the rest is a queue of prefixes', () => {
    const made = octets.get(stuck.connection) ?? 0;
    expect(made).toBeLessThan(1.1 * MIB);
    expect(advertised('10.0.0.4')?.queued).toBeGreaterThan(1000);
  });

  test('its KEEPALIVE goes out before what is still to be made', () => {
    const outputs = speaker.handle({ kind: 'timer', id: 'first/keepalive/10.0.0.4' }, 40_000);
    const sent = outputs.filter(output => output.kind === 'send' && output.connection === stuck.connection);
    expect(sent).toEqual([
      { kind: 'send', connection: stuck.connection, bytes: encodeMessage(KEEPALIVE, PLAIN_OPTIONS) },
    ]);
  });

  test('it gets the rest when it reads again', () => {
    for (let i = 0; i < 4; i++) backlogOf(stuck, 0);
    expect(advertised('10.0.0.4')).toMatchObject({ advertised: ROUTES, queued: 0 });
    expect(octets.get(stuck.connection)).toBeGreaterThan(1.2 * MIB);
  });
});
