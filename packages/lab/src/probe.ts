import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { openNamespace, tcpSocketIn, udpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import type { Outcome } from './matrix.ts';

/** From where, to where. */
export interface Probe {
  /** Name or path of the namespace to probe from. */
  readonly netns: string;
  readonly ip: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** What a probe saw, and the first line of the answer. */
export interface ProbeResult {
  readonly outcome: Outcome;
  readonly answer: string;
  readonly ms: number;
}

/** Sends one connection or datagram from inside a namespace and waits at most `timeoutMs` for an answer. */
export async function probe(
  { netns, ip, port, protocol }: Probe,
  timeoutMs: number,
  message = 'ping',
): Promise<ProbeResult> {
  const started = performance.now();
  const seen = await (protocol === 'TCP' ? probeTcp : probeUdp)(netns, ip, port, timeoutMs, message);
  return { ...seen, ms: performance.now() - started };
}

type Seen = Omit<ProbeResult, 'ms'>;
const SILENT: Seen = { outcome: 'silent', answer: '' };

function probeTcp(
  netns: string,
  ip: string,
  port: number,
  timeoutMs: number,
  message: string,
): Promise<Seen> {
  const fd = openIn(netns, namespace => tcpSocketIn(namespace, familyOf(ip)));
  return new Promise(resolve => {
    const socket = new Socket({ fd });
    const end = (seen: Seen) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    const timer = setTimeout(() => end(SILENT), timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? { outcome: 'refused', answer: '' } : SILENT),
    );
    socket.on('connect', () => socket.write(message));
    socket.on('data', data => end({ outcome: 'open', answer: data.toString() }));
    socket.connect(port, ip);
  });
}

function probeUdp(
  netns: string,
  ip: string,
  port: number,
  timeoutMs: number,
  message: string,
): Promise<Seen> {
  const fd = openIn(netns, namespace => udpSocketIn(namespace, mustIp(ANY[familyOf(ip)]), freshPort()));
  return new Promise(resolve => {
    const socket = createSocket(`udp${familyOf(ip)}`);
    const end = (seen: Seen) => {
      clearTimeout(timer);
      socket.close();
      resolve(seen);
    };
    const timer = setTimeout(() => end(SILENT), timeoutMs);
    socket.on('error', () => end({ outcome: 'refused', answer: '' }));
    socket.on('message', (data, from) => {
      if (from.address === ip && from.port === port) end({ outcome: 'open', answer: data.toString() });
    });
    socket.bind({ fd }, () => socket.send(message, port, ip));
  });
}

const familyOf = (ip: string) => mustIp(ip).family;
const ANY = { 4: '0.0.0.0', 6: '::' } as const;

let lastPort = 20_000 + Math.floor(Math.random() * 40_000);

/**
 * A source port that no recent probe had. To connection tracking a datagram from a port that was allowed a minute
 * ago belongs to that old exchange; a probe asks about new ones.
 */
function freshPort(): number {
  lastPort = lastPort >= 60_000 ? 20_000 : lastPort + 1;
  return lastPort;
}

function openIn(
  netns: string,
  open: (namespace: Parameters<typeof tcpSocketIn>[0]) => ReturnType<typeof tcpSocketIn>,
): number {
  const opened = openNamespace(netns);
  if (!opened.ok) throw new Error(opened.fault.message);
  using namespace = opened.value;
  const fd = open(namespace);
  if (!fd.ok) throw new Error(fd.fault.message);
  return fd.value;
}

/** Runs probes with a bound on how many are under way. */
export async function probeAll<T>(
  jobs: readonly T[],
  run: (job: T) => Promise<void>,
  parallel = 200,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) await run(job);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, jobs.length) }, worker));
}
