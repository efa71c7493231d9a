import { createServer, Socket } from 'node:net';
import { type Namespace, tcpListenIn, tcpSocketIn } from '@muslin/linux';
import { mustIp } from '@muslin/net';
import { must } from './spaces.ts';

/** A TCP server in a namespace that says one word and who asks; gives what ends it. */
export async function serveWord(
  namespace: Namespace,
  ip: string,
  port: number,
  word: string,
  asker = (socket: Socket) => `${socket.remoteAddress}`,
): Promise<() => Promise<void>> {
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.end(`${word} ${asker(socket)}`);
  });
  const listening = new Promise(resolve => server.once('listening', resolve));
  server.listen({ fd: must(tcpListenIn(namespace, mustIp(ip), port)) });
  await listening;
  return () => new Promise(resolve => server.close(() => resolve()));
}

/** Silence that is an answer: nothing comes back from behind a rule that drops. */
const SILENCE_MS = 700;
/** A machine with much to do may take its time, and TCP asks again after a second. */
const PATIENCE_MS = 8_000;

/** What a TCP server says to somebody in a namespace; undefined when it refuses, or is silent for a moment. */
export async function hear(
  namespace: Namespace,
  ip: string,
  port: number,
  ms = SILENCE_MS,
): Promise<string | undefined> {
  const socket = new Socket({ fd: must(tcpSocketIn(namespace, ip.includes(':') ? 6 : 4)) });
  socket.setTimeout(ms, () => socket.destroy(new Error('no answer')));
  socket.connect(port, ip);
  let said = '';
  try {
    for await (const chunk of socket) said += chunk;
    return said;
  } catch {
    return undefined;
  }
}

/** The same for whoever must be heard: undefined only when it refuses, or stays silent. */
export const listenTo = (namespace: Namespace, ip: string, port: number) =>
  hear(namespace, ip, port, PATIENCE_MS);
