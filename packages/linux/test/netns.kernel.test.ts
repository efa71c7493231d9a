import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import {
  createNamespace,
  deleteNamespace,
  listNamespaces,
  openNamespace,
  ownNamespace,
  readSysctl,
  sysctl,
  systemCalls,
  tcpListenIn,
  tcpSocketIn,
  udpSocketIn,
  withNamespace,
} from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterAll, expect, test } from 'vitest';
import { faultOf, join, must, rooms } from './sandbox.ts';

const [[a, b], close] = rooms(2);
join(a, b);
afterAll(close);

/** The interfaces of the calling thread's namespace; `/proc/net` would follow the main thread. */
const interfaces = () => readFileSync('/proc/thread-self/net/dev', 'utf8');

test('a named namespace is made, listed, opened and deleted as ip netns does it', () => {
  const name = `msl-t-lx-${process.pid}-named`;
  const made = must(createNamespace(name));
  try {
    expect(listNamespaces()).toContain(name);
    expect(faultOf(createNamespace(name))).toMatchObject({ code: 'EEXIST' });
    expect(a.run('ip', 'netns', 'list')).toContain(name);
    expect(must(withNamespace(made, interfaces))).toContain('lo:');
    using again = must(openNamespace(`/run/netns/${name}`));
    expect(again.path).toBe(`/run/netns/${name}`);
  } finally {
    made.close();
    made.close();
    must(deleteNamespace(name));
  }
  expect(listNamespaces()).not.toContain(name);
  expect(faultOf(openNamespace(name))).toMatchObject({ code: 'ENOENT', call: 'open' });
  expect(faultOf(deleteNamespace(name))).toMatchObject({ code: 'ENOENT', call: 'umount' });
  expect(() => deleteNamespace('../etc')).toThrow("can't name a network namespace");
});

test('work runs inside and the thread comes back, also when the work throws', () => {
  const before = interfaces();
  expect(before).not.toContain('v0:');
  expect(must(withNamespace(a.namespace, interfaces))).toContain('v0:');
  expect(() =>
    withNamespace(a.namespace, () => {
      throw new Error('from inside');
    }),
  ).toThrow('from inside');
  expect(() => withNamespace(a.namespace, () => Promise.resolve())).toThrow('synchronous work only');
  expect(interfaces()).toBe(before);
  using own = must(ownNamespace());
  expect(must(withNamespace(own, interfaces))).toBe(before);
});

test('what is no network namespace is a fault, and nothing ran', () => {
  using file = must(openNamespace('/proc/self/ns/uts'));
  let ran = false;
  expect(
    faultOf(
      withNamespace(file, () => {
        ran = true;
      }),
    ),
  ).toMatchObject({ code: 'EINVAL', call: 'setns' });
  expect(ran).toBe(false);
});

test('settings are those of the namespace', () => {
  const key = 'net/ipv4/conf/v0/forwarding';
  must(sysctl(a.namespace, key, 1));
  must(sysctl(b.namespace, key, 0));
  expect(must(readSysctl(a.namespace, key))).toBe('1');
  expect(must(readSysctl(b.namespace, key))).toBe('0');
  expect(faultOf(sysctl(a.namespace, 'net/ipv4/conf/nope/forwarding', 1))).toMatchObject({ code: 'ENOENT' });
  expect(faultOf(sysctl(a.namespace, key, 'yes'))).toMatchObject({ code: 'EINVAL' });
  expect(() => sysctl(a.namespace, '../../etc/passwd', 1)).toThrow('not a sysctl key');
  expect(() => sysctl(a.namespace, 'net/../../../etc/passwd', 1)).toThrow('not a sysctl key');
});

test.each(['10.0.0.2', 'fd00::2'])(
  'a TCP server in one namespace answers a client in the other over %s',
  async address => {
    const ip = mustIp(address);
    const server = createServer(socket => socket.end('from b'));
    await new Promise<void>(resolve =>
      server.listen({ fd: must(tcpListenIn(b.namespace, ip, 8080)) }, resolve),
    );
    const client = new Socket({ fd: must(tcpSocketIn(a.namespace, ip.family)) });
    const heard = await new Promise((resolve, reject) => {
      client.on('data', data => resolve(`${data} at ${client.remoteAddress}`)).on('error', reject);
      client.connect(8080, address);
    });
    expect(heard).toBe(`from b at ${address}`);
    client.destroy();
    await new Promise(resolve => server.close(resolve));
  },
);

test.each(['10.0.0.2', 'fd00::2'])('UDP between namespaces through dgram over %s', async address => {
  const ip = mustIp(address);
  const type = ip.family === 4 ? 'udp4' : 'udp6';
  const server = createSocket(type);
  const client = createSocket(type);
  const heard = new Promise(resolve => server.on('message', message => resolve(`${message}`)));
  await new Promise<void>(resolve => server.bind({ fd: must(udpSocketIn(b.namespace, ip, 4000)) }, resolve));
  const from = mustIp(ip.family === 4 ? '10.0.0.1' : 'fd00::1');
  await new Promise<void>(resolve => client.bind({ fd: must(udpSocketIn(a.namespace, from, 0)) }, resolve));
  client.send('hello', 4000, address);
  expect(await heard).toBe('hello');
  server.close();
  client.close();
});

test('a taken port is a fault with the call that failed', () => {
  const fd = must(tcpListenIn(a.namespace, mustIp('10.0.0.1'), 9));
  expect(faultOf(tcpListenIn(a.namespace, mustIp('10.0.0.1'), 9))).toMatchObject({
    code: 'EADDRINUSE',
    errno: 98,
  });
  expect(faultOf(tcpListenIn(a.namespace, mustIp('10.0.0.77'), 9))).toMatchObject({
    code: 'EADDRNOTAVAIL',
    call: 'bind',
  });
  systemCalls().close(fd);
});

test('system calls below the sockets: poll, getsockopt, getsockname, recvmsg with the received TTL', () => {
  const calls = systemCalls();
  const fd = must(udpSocketIn(a.namespace, mustIp('127.0.0.1'), 0));
  expect(calls.setSocketOption(fd, 0, 12, 1)).toBe(0); // IP_RECVTTL
  const name = calls.getSocketName(fd);
  if (typeof name === 'number') throw new Error(`getsockname ${name}`);
  expect(calls.poll([{ fd, events: 1 }], 0)).toEqual([0]);
  expect(calls.sendTo(fd, new Uint8Array([1, 2, 3]), 0, name)).toBe(3);
  expect(calls.poll([{ fd, events: 1 }], 1000)).toEqual([1]);
  const into = new Uint8Array(64);
  const received = calls.receiveMessage(fd, into, 0);
  if (typeof received === 'number') throw new Error(`recvmsg ${received}`);
  expect([received.length, ...into.subarray(0, 3)]).toEqual([3, 1, 2, 3]);
  expect(received.sender).toEqual(name);
  const ttl = received.control.find(({ level, type }) => level === 0 && type === 2);
  expect(ttl?.data[0]).toBe(64);
  const size = calls.getSocketOption(fd, 1, 8, 4);
  expect(typeof size === 'number' ? size : size.length).toBe(4);
  expect(calls.close(fd)).toBe(0);
  expect(calls.close(fd)).toBe(-9);
});
