import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';
import type { Credentials } from './credentials.ts';
import { type Door, KEEP_ALIVE_MS, tlsOf } from './door.ts';

/** How long a connection may take to stand, in ms. */
const CONNECT_MS = 10_000;

/** Node's own HTTP/1.1, for programs that ask a few questions and end: it is there in a third of the time of undici. */
export async function plainDoor(connection: Connection, credentials: Credentials): Promise<Door> {
  const secure = connection.server.startsWith('https:');
  const { Agent, request: send } = secure ? await import('node:https') : await import('node:http');
  const agent = new Agent({
    keepAlive: true,
    keepAliveMsecs: 15_000,
    timeout: KEEP_ALIVE_MS,
    // Each costs a TLS handshake, which takes longer than most answers.
    maxSockets: 6,
    ...(secure && tlsOf(connection, credentials)),
  });
  return {
    request: (url, { method, headers, body, signal }) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
        const call = send(url, { agent, method, signal, headers: { ...headers, ...length } });
        call.on('error', reject);
        call.on('response', resolve);
        call.on('socket', socket => limitConnecting(socket, secure));
        call.end(body);
      }).then(answer => {
        // Whoever reads the body hears of its end; when nobody does, it must not end the program.
        answer.on('error', () => {});
        return { status: answer.statusCode ?? 0, headers: answer.headers, body: answer };
      }),
    close() {
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? []) socket.destroy();
    },
    destroy: async () => agent.destroy(),
  };
}

/** Ends a connection that does not come to stand. One that stands may be silent: limits in time belong to the caller. */
function limitConnecting(socket: Socket, secure: boolean): void {
  if (!socket.connecting) return void socket.setTimeout(0);
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT' }));
  }, CONNECT_MS);
  const done = () => {
    clearTimeout(timer);
    socket.setTimeout(0);
  };
  socket.once(secure ? 'secureConnect' : 'connect', done);
  socket.once('close', done);
}
