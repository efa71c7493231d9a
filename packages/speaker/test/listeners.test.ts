import { connect, createServer, type Server, Socket } from 'node:net';
import { systemCalls, TcpTransport, tcpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { afterEach, expect, test } from 'vitest';
import type { PeerKey } from '../src/connections.ts';
import { Listeners } from '../src/listeners.ts';
import { must } from './stage.ts';

const HERE = mustIp('127.0.0.1');
const log: string[] = [];
const sockets: Socket[] = [];
let listeners: Listeners | undefined;
let other: Server | undefined;

const make = (keys: readonly PeerKey[] = []) =>
  new Listeners({
    transport: new TcpTransport(),
    onSocket: socket => sockets.push(socket),
    keys: () => keys,
    log: line => log.push(line),
    retryMs: 50,
  });

/** A port that is free, or held by somebody else until `other` closes. */
async function port(held: boolean): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port: found } = server.address() as { port: number };
  if (held) other = server;
  else await new Promise(resolve => server.close(resolve));
  return found;
}

const answers = (to: number) =>
  new Promise<boolean>(resolve => {
    const socket = connect(to, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.length = 0;
  log.length = 0;
  await listeners?.stop();
  if (other?.listening) await new Promise(resolve => other?.close(resolve));
});

test('a port that is taken is a fault in words, told once, and tried until it is free', async () => {
  const taken = await port(true);
  listeners = make();
  await listeners.follow({ ips: [HERE], port: taken });
  expect(listeners.fault).toBe(`port ${taken} of 127.0.0.1 is taken by another program`);
  await new Promise(resolve => setTimeout(resolve, 120));
  expect(log).toHaveLength(1);
  await new Promise(resolve => other?.close(resolve));
  await new Promise(resolve => setTimeout(resolve, 150));
  expect(listeners.fault).toBeUndefined();
  expect(await answers(taken)).toBe(true);
});

test('another port is followed; the old one is closed and its connections stay', async () => {
  const [first, second] = [await port(false), await port(false)];
  listeners = make();
  await listeners.follow({ ips: [HERE], port: first });
  const caller = connect(first, '127.0.0.1');
  await new Promise(resolve => caller.once('connect', resolve));
  await listeners.follow({ ips: [HERE], port: second });
  expect(await answers(first)).toBe(false);
  expect(await answers(second)).toBe(true);
  expect(caller.destroyed).toBe(false);
  caller.destroy();
});

test('the same place again is nothing new', async () => {
  const here = { ips: [HERE], port: await port(false) };
  listeners = make();
  await listeners.follow(here);
  await listeners.follow({ ...here });
  expect(await answers(here.port)).toBe(true);
  expect(log).toEqual([]);
});

/** A call that the kernel has taken and nobody has accepted yet, in one step without a turn of this thread. */
function callUnseen(to: number): number {
  const fd = must(tcpSocketIn(undefined, 4));
  const address = Uint8Array.of(2, 0, to >> 8, to & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  expect(systemCalls().connect(fd, address)).toBe(0);
  return fd;
}

test('who called unsigned just before a password was known is turned away, not let in', async () => {
  const here = { ips: [HERE], port: await port(false) };
  const keys: PeerKey[] = [];
  listeners = make(keys);
  await listeners.follow(here);
  const caller = callUnseen(here.port);
  keys.push({ peer: HERE, key: 'secret' });
  listeners.rekey(keys);
  expect(listeners.signs(HERE)).toBe(false);
  await listeners.follow(here);
  const closed = new Socket({ fd: caller }).on('error', () => {}).resume();
  await new Promise(resolve => closed.once('close', resolve));
  expect(sockets).toEqual([]);
  expect(listeners.signs(HERE)).toBe(true);
});

test('a password that the kernel refuses leaves its peer outside', async () => {
  const keys = [{ peer: HERE, key: 'x'.repeat(81) }];
  listeners = make(keys);
  await listeners.follow({ ips: [HERE], port: await port(false) });
  expect(listeners.signs(HERE)).toBe(false);
  expect(log).toEqual([
    "TCP-MD5 for 127.0.0.1 can't be set: a TCP MD5 key has at most 80 bytes; it can't call",
  ]);
});
