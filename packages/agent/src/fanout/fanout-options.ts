import type { Logger } from 'pino';
import type { ClusterSourceOptions } from './cluster-source.ts';
import { StreamClient, type StreamTarget } from './stream-client.ts';

const text = { type: 'string' } as const;

/** Flags of fan-out, for `parseArgs`. */
export const FANOUT_FLAGS = {
  fanout: text,
  'fanout-cert': text,
  'fanout-key': text,
  'fanout-ca': text,
  'fanout-name': text,
  'fanout-fallback-ms': text,
};

/** Which controllers to listen to, and how long to wait for them. */
export interface FanoutOptions {
  readonly target: StreamTarget;
  readonly fallBackMs: number;
}

/** Reads the flags; undefined when fan-out is off, a sentence when they don't go together. */
export function readFanout(values: {
  readonly [name: string]: string | boolean | undefined;
}): FanoutOptions | string | undefined {
  const { fanout } = values;
  const of = (name: string) => values[`fanout-${name}`] as string | undefined;
  const [cert, key, ca] = [of('cert'), of('key'), of('ca')];
  if (fanout === undefined) {
    const given = Object.keys(FANOUT_FLAGS).find(name => values[name] !== undefined);
    return given === undefined ? undefined : `--${given} means something only with --fanout HOST:PORT`;
  }
  const [, host = '', port] = /^\[?([^[\]]+?)\]?:(\d{1,5})$/.exec(String(fanout)) ?? [];
  if (host === '' || Number(port) > 65_535 || Number(port) === 0)
    return `--fanout takes HOST:PORT of a controller, not ${JSON.stringify(fanout)}`;
  if (cert === undefined || key === undefined || ca === undefined)
    return '--fanout needs --fanout-cert, --fanout-key and --fanout-ca: controllers serve over mutual TLS only';
  const fallBackMs = Number(of('fallback-ms') ?? 15_000);
  if (!Number.isInteger(fallBackMs) || fallBackMs < 0)
    return '--fanout-fallback-ms takes a whole number of milliseconds';
  const serverName = of('name') ?? 'muslin-controller';
  return { target: { host, port: Number(port), cert, key, ca, serverName }, fallBackMs };
}

/** Makes the stream of a node. */
export function streamOf(
  node: string,
  { target }: FanoutOptions,
  log: Logger,
): NonNullable<ClusterSourceOptions['stream']> {
  return onMessage =>
    new StreamClient({ node, target, onMessage, onFault: message => log.warn(`fan-out: ${message}`) });
}
