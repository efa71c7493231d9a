import type { Connection } from './connection.ts';
import type { Credentials } from './credentials.ts';
import type { HttpAnswer, HttpRequest } from './transport.ts';

/** Connections to one server with one set of TLS material. */
export interface Door {
  /** Sends a request to `url`; throws what the network says, and whatever `signal` gives up. */
  request(url: string, request: DoorRequest): Promise<HttpAnswer>;
  /** Takes no more requests; those that are under way run to their end. */
  close(): void;
  /** Ends every connection now. */
  destroy(): Promise<void>;
}

/** A request with its credentials. */
export type DoorRequest = Pick<HttpRequest, 'method' | 'headers' | 'body' | 'signal'>;

/** How long a connection may stay idle, in ms. */
export const KEEP_ALIVE_MS = 30_000;

/** What TLS needs to know, in the words of node:tls. */
export function tlsOf({ insecure, serverName }: Connection, credentials: Credentials) {
  const [ca, cert, key] = [credentials.ca, credentials.cert, credentials.key].map(part => part?.reveal());
  return {
    rejectUnauthorized: !insecure,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}
