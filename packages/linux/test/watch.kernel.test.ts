import { execFile } from 'node:child_process';
import { writeFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  changeLink,
  type KernelEvent,
  netlinkIn,
  RouteDriver,
  watchKernel,
  watchLinks,
  inNamespace,
  systemCalls,
} from '@muslin/linux';
import { ip4, mustIp, prefix } from '@muslin/net';
import { afterAll, expect, test } from 'vitest';
import { EventPoller } from '../src/netlink/event-poller.ts';
import { openNetlinkFd } from '../src/netlink/netlink-socket.ts';
import { RTNLGRP } from '../src/rtnetlink/message-types.ts';
import { addRouteRequest, deleteRouteRequest } from '../src/rtnetlink/routes.ts';
import { join, must, rooms, until } from './sandbox.ts';

const [[a, b], close] = rooms(2);
join(a, b);
const socket = must(netlinkIn(a.namespace));
const inB = must(netlinkIn(b.namespace));
const driver = must(RouteDriver.open(a.namespace));
afterAll(() => {
  for (const each of [socket, inB, driver]) each.close();
  close();
});

const route = (i: number) => ({
  destination: prefix(ip4(0x0b000000 + (i << 8)), 24),
  type: 'unicast' as const,
  hops: [{ via: mustIp('10.0.0.2') }],
  protocol: 109,
  table: 254,
});
const isRoute = (event: KernelEvent) => event.topic === 'route' && event.value.protocol === 109;

test('a link that goes down takes its routes silently, so its event is the signal to read again', async () => {
  const events: KernelEvent[] = [];
  must(socket.ask(addRouteRequest(route(1))));
  using _watch = must(watchKernel(['link', 'route'], heard => events.push(...heard), a.namespace));
  must(changeLink(socket, 'v0', { up: false }));
  await until(() => events.some(event => event.topic === 'link' && !event.value.up));
  expect(events.filter(isRoute)).toEqual([]);
  expect(must(await driver.read({ protocol: 109 }))).toEqual([]);
  must(changeLink(socket, 'v0', { up: true }));
  await until(() => events.some(event => event.topic === 'link' && event.value.up));
});

test('twenty thousand changes arrive in order while the main thread is busy', async () => {
  const events: KernelEvent[] = [];
  const watch = must(watchKernel(['route'], heard => events.push(...heard.filter(isRoute)), a.namespace));
  const all = Array.from({ length: 10_000 }, (_, i) => route(i));
  expect(socket.askAll(all.map(addRouteRequest)).filter(fault => fault !== undefined)).toEqual([]);
  expect(socket.askAll(all.map(deleteRouteRequest)).filter(fault => fault !== undefined)).toEqual([]);
  await until(() => events.length === 20_000);
  const changes = events.map(event => (event.topic === 'route' ? event.change : ''));
  expect(changes.indexOf('gone')).toBe(10_000);
  expect(changes.lastIndexOf('put')).toBe(9_999);
  watch.stop();
  watch.stop();
});

test('events that the buffer could not hold are a loss, and the watch goes on', async () => {
  const fd = must(
    inNamespace(a.namespace, () => openNetlinkFd(0, { groups: [RTNLGRP.ipv4Route], nonBlocking: true })),
  );
  const SO_RCVBUFFORCE = 33;
  systemCalls().setSocketOption(fd, 1, SO_RCVBUFFORCE, 4096);
  const all = Array.from({ length: 1000 }, (_, i) => route(i));
  socket.askAll(all.map(addRouteRequest));
  const losses: number[] = [];
  let heard = 0;
  const poller = new EventPoller();
  const { stop } = poller.watch(fd, {
    onDatagrams: datagrams => (heard += datagrams.length),
    onLoss: errno => losses.push(errno),
  });
  const ENOBUFS = 105;
  await until(() => losses.includes(ENOBUFS));
  const before = heard;
  socket.ask(deleteRouteRequest(route(0)));
  await until(() => heard > before);
  stop();
  socket.askAll(all.map(deleteRouteRequest));
});

test('several watches of several namespaces live side by side, and a stopped one hears nothing', async () => {
  const heard: Record<string, number> = { a: 0, b: 0, gone: 0 };
  const inA = must(watchLinks(() => heard['a']!++, a.namespace));
  const inB2 = must(watchLinks(() => heard['b']!++, b.namespace));
  const gone = must(watchLinks(() => heard['gone']!++, a.namespace));
  gone.stop();
  must(changeLink(socket, 'lo', { mtu: 1600 }));
  await until(() => heard['a']! > 0);
  expect(heard['b']).toBe(0);
  must(changeLink(inB, 'lo', { mtu: 1600 }));
  await until(() => heard['b']! > 0);
  expect(heard['gone']).toBe(0);
  inA.stop();
  inB2.stop();
  const again = must(watchLinks(() => (heard['again'] = 1), a.namespace));
  must(changeLink(socket, 'lo', { mtu: 1700 }));
  await until(() => heard['again'] === 1);
  again.stop();
});

test('every topic is heard', async () => {
  const topics = new Set<string>();
  using _watch = must(
    watchKernel(
      ['link', 'address', 'route', 'neighbour', 'rule'],
      events => {
        for (const event of events)
          topics.add(event.topic === 'lost' ? 'lost' : `${event.topic} ${event.change}`);
      },
      a.namespace,
    ),
  );
  for (const [put, gone] of [['add', 'del']] as const)
    for (const verb of [put, gone]) {
      a.run('ip', 'link', verb, 'br9', ...(verb === 'add' ? ['type', 'bridge'] : []));
      a.run('ip', 'addr', verb, '10.99.0.1/32', 'dev', 'v0');
      a.run('ip', 'route', verb, '10.98.0.0/24', 'via', '10.0.0.2');
      a.run('ip', 'neigh', verb, '10.0.0.99', 'lladdr', '02:00:00:00:00:01', 'dev', 'v0');
      a.run('ip', 'rule', verb, 'pref', '77', 'lookup', '77');
    }
  await until(() => topics.size >= 10);
  expect([...topics].sort()).toEqual(
    ['link', 'address', 'route', 'neighbour', 'rule']
      .flatMap(topic => [`${topic} gone`, `${topic} put`])
      .sort(),
  );
});

/** Runs a program that watches; its exit code and how long it took. */
function runProgram(
  tail: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly ms: number }> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const file = `${here}watching-program-${process.pid}.ts`;
  writeFileSync(
    file,
    `import { watchLinks, inNamespace, systemCalls } from '@muslin/linux';
const made = watchLinks(() => {});
if (!made.ok) throw new Error(made.fault.message);
${tail}`,
  );
  const start = performance.now();
  const args = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', file];
  return new Promise(resolve => {
    execFile(process.execPath, args, { timeout: 20_000 }, (error, stdout) => {
      rmSync(file);
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, ms: performance.now() - start });
    });
  });
}

test.each([
  ['the program just ends', '', 0],
  ['it stops the watch first', 'made.value.stop();', 0],
  ['it exits', 'setTimeout(() => process.exit(3), 300);', 3],
  ['it throws', "setTimeout(() => { throw new Error('x'); }, 300);", 1],
] as const)('a watch does not keep a process alive: %s', async (_, tail, code) => {
  const ended = await runProgram(tail);
  expect(ended.code).toBe(code);
  expect(ended.ms).toBeLessThan(5000);
});

test('a worker thread that watches can be ended from outside', async () => {
  const ended = await runProgram(`
import { Worker, isMainThread } from 'node:worker_threads';
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  setTimeout(async () => { await worker.terminate(); console.log('terminated'); }, 500);
} else setInterval(() => {}, 1000);
`);
  expect(ended).toMatchObject({ code: 0, stdout: 'terminated\n' });
});
