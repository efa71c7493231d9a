import { formatPrefix, type Ip4, mustIp } from '@muslin/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BurstInput, nlriList, Speaker } from '../src/index.ts';
import { asPath, attr, BASE, BytePeer, raw, updateBody } from './byte-peer.ts';

const PEERS = 3;

/** A speaker with three external peers that are up. */
function stage(): readonly BytePeer[] {
  const speaker = new Speaker({ asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4 });
  return Array.from({ length: PEERS }, (_, i) => {
    const [ip, asNumber] = [`10.0.0.${i + 2}`, 65001 + i];
    const peer = new BytePeer({ id: ip, remoteIp: mustIp(ip), remoteAs: asNumber }, {}, speaker);
    peer.open({ asNumber, id: ip }).write(raw(4, new Uint8Array(0)));
    return peer;
  });
}

/** One UPDATE of a peer: one of eight prefixes, withdrawn or with a path of some length. */
const update = fc
  .record({ from: fc.nat(PEERS - 1), prefix: fc.nat(7), hops: fc.nat(4), kind: fc.nat(3) })
  .map(({ from, prefix, hops, kind }) => {
    const nlri = [24, 192, 0, prefix];
    const path = asPath(65001 + from, ...Array.from({ length: hops }, (_, i) => 100 + i));
    const nextHop = attr(0x40, 3, [10, 0, 0, from + 2]);
    const body = kind === 0 ? updateBody([], [], nlri) : updateBody([BASE.origin, path, nextHop], nlri);
    return { from, bytes: raw(2, body) };
  });

/** What a peer believes after everything that it was told. */
function told(peer: BytePeer): ReadonlyMap<string, string> {
  const routes = new Map<string, string>();
  for (const message of peer.sent) {
    if (message.kind !== 'update') continue;
    for (const { prefix } of nlriList(message.withdrawn)) routes.delete(formatPrefix(prefix));
    for (const { prefix } of nlriList(message.announced))
      routes.set(formatPrefix(prefix), JSON.stringify(message.attributes));
  }
  return new Map([...routes].sort());
}

/** Hands inputs over and lets every peer read, with an empty backlog told as a shell would. */
function handle(peers: readonly BytePeer[], inputs: readonly BurstInput[]): void {
  const [{ speaker } = { speaker: undefined }] = peers;
  const backlogs = peers.map(({ connection }) => ({ kind: 'backlog', connection, bytes: 0 }) as const);
  for (const burst of [inputs, backlogs]) {
    const outputs = speaker?.handle({ kind: 'burst', inputs: burst }, 0) ?? [];
    for (const peer of peers) peer.take(outputs);
  }
}

test('what comes in bursts ends where it would have ended one by one', () => {
  let heard = 0;
  fc.assert(
    fc.property(fc.array(fc.array(update, { maxLength: 12 }), { maxLength: 8 }), bursts => {
      const [together, alone] = [stage(), stage()];
      for (const burst of bursts) {
        const inputs = burst.map(({ from, bytes }): BurstInput => {
          return { kind: 'bytes', connection: (together[from] as BytePeer).connection, bytes };
        });
        handle(together, inputs);
        for (const input of inputs) handle(alone, [input]);
      }
      const best = (peers: readonly BytePeer[]) => peers[0]?.speaker.routes('ipv4-unicast');
      expect(best(together)).toEqual(best(alone));
      expect(together.map(told)).toEqual(alone.map(told));
      for (const peer of alone) heard += told(peer).size;
    }),
    { numRuns: 150 },
  );
  expect(heard).toBeGreaterThan(100);
});
