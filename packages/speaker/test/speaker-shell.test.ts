import { Speaker, type Input } from '@muslin/bgp';
import { openRouteSocket } from '@muslin/linux';
import { ip4 } from '@muslin/net';
import { expect, test } from 'vitest';
import { SpeakerShell } from '../src/speaker-shell.ts';

/** Remembers what it was told, as it was when it was told. */
class Listening extends Speaker {
  readonly told: { readonly kind: string; readonly bytes: readonly number[] }[] = [];

  override handle(input: Input): [] {
    for (const one of input.kind === 'burst' ? input.inputs : [input])
      this.told.push({ kind: input.kind, bytes: one.kind === 'bytes' ? [...one.bytes] : [] });
    return [];
  }
}

test('octets that wait until all sockets were read are not those that were read into their room meanwhile', async () => {
  const netlink = openRouteSocket();
  if (!netlink.ok) throw new Error(netlink.fault.message);
  const nobody = { transportOf: () => undefined, log: () => {}, tell: () => {} };
  const shell = new SpeakerShell({ netlink: netlink.value, ...nobody });
  const speaker = new Listening({ asNumber: 64_512, routerId: ip4(1) });
  shell.speaker = speaker;
  const room = new Uint8Array(3);
  for (const [i, connection] of ['a', 'b', 'c'].entries()) {
    room.fill(i + 1);
    shell.feed({ kind: 'bytes', connection, bytes: room });
  }
  room.fill(0);
  await expect.poll(() => speaker.told.length).toBe(3);
  expect(speaker.told).toEqual([
    { kind: 'bytes', bytes: [1, 1, 1] },
    { kind: 'burst', bytes: [2, 2, 2] },
    { kind: 'burst', bytes: [3, 3, 3] },
  ]);
  netlink.value.close();
});
