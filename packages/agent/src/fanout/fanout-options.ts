import type { Logger } from 'pino';
import type { ClusterSourceOptions } from './cluster-source.ts';
import { enrolledIdentity, fileIdentity, type Identity, type StreamTarget } from './identity.ts';
import { StreamClient } from './stream-client.ts';

const text = { type: 'string' } as const;

/** Flags of fan-out, for `parseArgs`. */
export const FANOUT_FLAGS = {
  fanout: text,
  'fanout-cert': text,
  'fanout-key': text,
  'fanout-ca': text,
  'fanout-token': text,
  'fanout-name': text,
  'fanout-fallback-ms': text,
};

/** Which controllers to listen to, and how long to wait for them. */
export interface FanoutOptions {
  readonly target: StreamTarget;
  readonly identity: (node: string) => Identity;
  readonly fallBackMs: number;
}

/** Reads the flags; undefined when fan-out is off, a sentence when they don't go together. */
export function readFanout(values: {
  readonly [name: string]: string | boolean | undefined;
}): FanoutOptions | string | undefined {
  const { fanout } = values;
  const of = (name: string) => values[`fanout-${name}`] as string | undefined;
  const [cert, key, ca, token] = [of('cert'), of('key'), of('ca'), of('token')];
  if (fanout === undefined) {
    const given = Object.keys(FANOUT_FLAGS).find(name => values[name] !== undefined);
    return given === undefined ? undefined : `--${given} means something only with --fanout HOST:PORT`;
  }
  const [, host = '', port] = /^\[?([^[\]]+?)\]?:(\d{1,5})$/.exec(String(fanout)) ?? [];
  if (host === '' || Number(port) > 65_535 || Number(port) === 0)
    return `--fanout takes HOST:PORT of a controller, not ${JSON.stringify(fanout)}`;
  if (ca === undefined) return '--fanout needs --fanout-ca: the authority of the controllers (PEM file)';
  if (token !== undefined ? cert !== undefined || key !== undefined : cert === undefined || key === undefined)
    return '--fanout needs either --fanout-token, or --fanout-cert and --fanout-key: controllers serve over mutual TLS only';
  const fallBackMs = Number(of('fallback-ms') ?? 15_000);
  if (!Number.isInteger(fallBackMs) || fallBackMs < 0)
    return '--fanout-fallback-ms takes a whole number of milliseconds';
  const target = { host, port: Number(port), serverName: of('name') ?? 'muslin-controller' };
  const identity =
    cert !== undefined && key !== undefined
      ? () => fileIdentity({ cert, key, ca })
      : (node: string) => enrolledIdentity(node, target, { token: token ?? '', ca });
  return { target, identity, fallBackMs };
}

/** Makes the stream of a node. */
export function streamOf(
  node: string,
  { target, identity }: FanoutOptions,
  log: Logger,
  onThrough: NonNullable<ConstructorParameters<typeof StreamClient>[0]['onThrough']>,
): NonNullable<ClusterSourceOptions['stream']> {
  return onMessage =>
    new StreamClient({
      ...{ node, target, identity: identity(node), onMessage, onThrough },
      onFault: message => log.warn(`fan-out: ${message}`),
    });
}
