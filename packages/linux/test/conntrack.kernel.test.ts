import { createSocket } from 'node:dgram';
import { ConntrackDriver, type Flow, sysctl, udpSocketIn } from '@muslin/linux';
import { formatIp, mustIp } from '@muslin/net';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { join, must, rooms, until } from './sandbox.ts';

const [[a, b], close] = rooms(2);
join(a, b);
const driver = must(ConntrackDriver.open(a.namespace));
afterAll(() => {
  driver.close();
  close();
});

const insert = (...args: readonly string[]) => a.run('conntrack', '-I', ...args, '-t', '600');
const tcp = (source: string, destination: string, port: number) =>
  insert(
    '-p',
    'tcp',
    '-s',
    source,
    '-d',
    destination,
    '--sport',
    '40000',
    '--dport',
    `${port}`,
    '--state',
    'ESTABLISHED',
    '-u',
    'SEEN_REPLY,ASSURED',
  );
const shown = () =>
  a
    .run('conntrack', '-L', '-f', 'ipv4')
    .trim()
    .split('\n')
    .filter(line => line !== '');
const text = ({ original }: Flow) =>
  `${formatIp(original.source)} > ${formatIp(original.destination)}:${original.destinationPort}`;

beforeEach(() => {
  a.run('conntrack', '-F');
});

test('flows of TCP, UDP and ICMP, IPv4 and IPv6, with translation and mark, are what conntrack lists', () => {
  tcp('10.9.0.1', '10.9.0.2', 80);
  insert('-p', 'udp', '-s', '10.9.0.3', '-d', '10.9.0.4', '--sport', '53', '--dport', '5353', '-m', '7');
  insert(
    '-p',
    'icmp',
    '-s',
    '10.9.0.5',
    '-d',
    '10.9.0.6',
    '--icmp-type',
    '8',
    '--icmp-code',
    '0',
    '--icmp-id',
    '99',
  );
  insert(
    '-p',
    'tcp',
    '-s',
    'fd00::a',
    '-d',
    'fd00::b',
    '--sport',
    '1',
    '--dport',
    '2',
    '--state',
    'SYN_SENT',
  );
  insert(
    '-p',
    'tcp',
    '-s',
    '10.9.0.7',
    '-d',
    '10.96.0.1',
    '--sport',
    '1',
    '--dport',
    '443',
    '--state',
    'ESTABLISHED',
    '-g',
    '10.9.0.8:6443',
  );
  const flows = must(driver.read());
  expect(flows).toHaveLength(5);
  expect(must(driver.read({ family: 4 }))).toHaveLength(shown().length);
  const of = (ip: string) => must(driver.read({ address: mustIp(ip) }))[0];
  expect(of('10.9.0.1')).toMatchObject({
    original: {
      source: mustIp('10.9.0.1'),
      destination: mustIp('10.9.0.2'),
      protocol: 6,
      sourcePort: 40000,
      destinationPort: 80,
    },
    reply: {
      source: mustIp('10.9.0.2'),
      destination: mustIp('10.9.0.1'),
      sourcePort: 80,
      destinationPort: 40000,
    },
    seenReply: true,
    assured: true,
    sourceNat: false,
    destinationNat: false,
  });
  expect(of('10.9.0.3')).toMatchObject({ mark: 7, original: { protocol: 17 }, seenReply: false });
  expect(of('10.9.0.5')?.original).toMatchObject({ protocol: 1, icmp: { id: 99, type: 8, code: 0 } });
  expect(of('fd00::a')?.original).toMatchObject({ protocol: 6, destinationPort: 2 });
  expect(of('10.9.0.8')).toMatchObject({
    destinationNat: true,
    original: { destination: mustIp('10.96.0.1'), destinationPort: 443 },
    reply: { source: mustIp('10.9.0.8'), sourcePort: 6443 },
  });
  expect(flows.every(({ timeout }) => timeout !== undefined && timeout <= 600)).toBe(true);
});

test('flows of one address go, whichever side it is on, and the others stay', () => {
  tcp('10.9.0.1', '10.9.0.2', 80);
  tcp('10.9.0.3', '10.9.0.1', 81);
  tcp('10.9.0.3', '10.9.0.2', 82);
  expect(must(driver.removeWhere({ address: mustIp('10.9.0.1') }))).toBe(2);
  expect(must(driver.read()).map(text)).toEqual(['10.9.0.3 > 10.9.0.2:82']);
  expect(shown()).toHaveLength(1);
  expect(must(driver.removeWhere({ protocol: 17 }))).toBe(0);
});

test('a flow that is gone by itself is no fault', () => {
  tcp('10.9.0.1', '10.9.0.2', 80);
  insert('-p', 'udp', '-s', 'fd00::a', '-d', 'fd00::b', '--sport', '1', '--dport', '2');
  insert(
    '-p',
    'icmp',
    '-s',
    '10.9.0.5',
    '-d',
    '10.9.0.6',
    '--icmp-type',
    '8',
    '--icmp-code',
    '0',
    '--icmp-id',
    '99',
  );
  const flows = must(driver.read());
  expect(must(driver.remove(flows))).toBe(3);
  expect(must(driver.remove(flows))).toBe(0);
  expect(must(driver.read())).toEqual([]);
});

test('of five hundred flows to forget, the three that are there are counted', () => {
  const input = Array.from({ length: 500 }, (_, i) => i);
  for (const i of [0, 250, 499]) tcp('10.9.1.1', '10.9.1.2', 1000 + i);
  const [flow] = must(driver.read());
  if (flow === undefined) throw new Error('no flow');
  const many = input.map(i => ({ ...flow, original: { ...flow.original, destinationPort: 1000 + i } }));
  expect(must(driver.remove(many))).toBe(3);
});

test('real traffic is tracked with its counters', async () => {
  must(sysctl(a.namespace, 'net/netfilter/nf_conntrack_acct', 1));
  a.run('iptables-legacy', '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'ACCEPT');
  const server = createSocket('udp4');
  await new Promise<void>(resolve =>
    server.bind({ fd: must(udpSocketIn(a.namespace, mustIp('10.0.0.1'), 4000)) }, resolve),
  );
  const client = createSocket('udp4');
  await new Promise<void>(resolve =>
    client.bind({ fd: must(udpSocketIn(b.namespace, mustIp('10.0.0.2'), 4001)) }, resolve),
  );
  client.send('four', 4000, '10.0.0.1');
  await until(() => must(driver.read({ address: mustIp('10.0.0.2'), protocol: 17 })).length === 1);
  // 20 bytes of IPv4, 8 of UDP, 4 of payload.
  expect(must(driver.read({ address: mustIp('10.0.0.2') }))[0]).toMatchObject({
    original: { sourcePort: 4001, destinationPort: 4000 },
    sent: { packets: 1, bytes: 32 },
    received: { packets: 0, bytes: 0 },
  });
  server.close();
  client.close();
});
