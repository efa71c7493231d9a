import { createSocket } from 'node:dgram';
import { type LoggedPacket, udpSocketIn, watchPacketLog } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterAll, expect, test } from 'vitest';
import { faultOf, join, must, rooms, until } from './sandbox.ts';

const [[a, b], close] = rooms(2);
join(a, b);
afterAll(close);

async function socketIn(room: typeof a, ip: string, port: number) {
  const socket = createSocket(mustIp(ip).family === 4 ? 'udp4' : 'udp6');
  await new Promise<void>(resolve =>
    socket.bind({ fd: must(udpSocketIn(room.namespace, mustIp(ip), port)) }, resolve),
  );
  return socket;
}

test('packets of a group arrive with prefix, hook, interface, mark and their first bytes', async () => {
  const heard: LoggedPacket[] = [];
  const listen = () =>
    watchPacketLog({
      group: 7,
      copyBytes: 64,
      onPackets: p => heard.push(...p),
      onLoss: () => {},
      namespace: b.namespace,
    });
  const watch = must(listen());
  expect(faultOf(listen())).toMatchObject({
    code: 'EPERM',
    message: expect.stringContaining('another program'),
  });
  const rule = [
    '-p',
    'udp',
    '--dport',
    '5353',
    '-j',
    'NFLOG',
    '--nflog-group',
    '7',
    '--nflog-prefix',
    'D|np/default/web',
  ];
  b.run('iptables-legacy', '-t', 'mangle', '-A', 'INPUT', '-j', 'MARK', '--set-mark', '0x40');
  b.run('iptables-legacy', '-A', 'INPUT', ...rule);
  b.run('ip6tables-nft', '-A', 'INPUT', ...rule);
  const sockets = [await socketIn(a, '10.0.0.1', 4000), await socketIn(a, 'fd00::1', 4000)] as const;
  sockets[0].send('x'.repeat(500), 5353, '10.0.0.2');
  await until(() => heard.length === 1);
  const [first] = heard as [LoggedPacket];
  const inputLink = b.ip('link', 'show', 'v0')[0].ifindex;
  expect(first).toMatchObject({ prefix: 'D|np/default/web', hook: 1, inputLink, mark: 0x40 });
  expect(first.payload).toHaveLength(64);
  // Version 4, protocol UDP, destination port 5353.
  expect([first.payload[0], first.payload[9], first.payload[22], first.payload[23]]).toEqual([
    0x45,
    17,
    5353 >> 8,
    5353 & 255,
  ]);
  sockets[1].send('six', 5353, 'fd00::2');
  await until(() => heard.length === 2);
  expect(heard[1]?.payload[0]).toBe(0x60);
  watch.stop();
  await until(() => {
    const again = listen();
    if (again.ok) again.value.stop();
    return again.ok;
  });
  for (const socket of sockets) socket.close();
});

test('a flood reaches the listener no faster than the rule says', async () => {
  const heard: LoggedPacket[] = [];
  const watch = must(
    watchPacketLog({ group: 9, onPackets: p => heard.push(...p), onLoss: () => {}, namespace: b.namespace }),
  );
  const log = ['-j', 'NFLOG', '--nflog-group', '9', '--nflog-prefix', 'flood'];
  const limit = ['-m', 'limit', '--limit', '50/second', '--limit-burst', '50'];
  b.run('iptables-legacy', '-A', 'INPUT', '-p', 'udp', '--dport', '7777', ...limit, ...log);
  const socket = await socketIn(a, '10.0.0.1', 4100);
  const begun = performance.now();
  for (let i = 0; i < 5_000; i++)
    await new Promise<void>(sent => socket.send('x', 7777, '10.0.0.2', () => sent()));
  await until(() => heard.length > 20);
  const seconds = (performance.now() - begun) / 1000;
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(heard.length).toBeLessThanOrEqual(1 + 50 + 50 * (seconds + 1));
  watch.stop();
  socket.close();
});
