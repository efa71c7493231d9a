import type { Dispatcher } from 'undici';
import type { Connection } from './connection.ts';
import type { Credentials } from './credentials.ts';
import { type Door, KEEP_ALIVE_MS, tlsOf } from './door.ts';

/**
 * One pool of HTTP/1.1 connections, for programs that stay. HTTP/2 stays off: its sessions are never reaped by undici
 * (nodejs/undici#5381), and one lost connection would stall every watch at once. TCP keep-alive finds a dead server
 * within half a minute.
 */
export async function pooledDoor(connection: Connection, credentials: Credentials): Promise<Door> {
  // A bundle in parts knows no names of a CommonJS module, only the whole.
  const { default: undici } = await import('undici');
  const agent = new undici.Agent({
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: {
      timeout: 10_000,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
      ...tlsOf(connection, credentials),
    },
  });
  return {
    async request(url, { method, headers, body, signal }) {
      const answer: Dispatcher.ResponseData = await undici.request(url, {
        dispatcher: agent,
        method,
        headers,
        body: body ?? null,
        signal,
        // undici ends the connection after a DELETE that has a body (preconditions): each would cost a TLS handshake.
        reset: false,
        // Limits in time belong to the caller, who knows whether this is a watch.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    },
    close: () => void agent.close(),
    destroy: () => agent.destroy(),
  };
}
