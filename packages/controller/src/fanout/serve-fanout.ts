import { type KubeClient, watchCluster } from '@muslin/kube';
import { type FanoutFiles, FanoutServer } from './fanout-server.ts';

const text = { type: 'string' } as const;

/** Flags of fan-out, for `parseArgs`. */
export const FANOUT_FLAGS = {
  'fanout-listen': text,
  'fanout-cert': text,
  'fanout-key': text,
  'fanout-ca': text,
};

/** Where to listen, and who is who. */
export interface FanoutOptions {
  readonly host: string;
  readonly port: number;
  readonly files: FanoutFiles;
}

/** Reads the flags; undefined when fan-out is off, a sentence when they don't go together. */
export function readFanoutOptions(
  values: Readonly<Partial<Record<keyof typeof FANOUT_FLAGS, string | undefined>>>,
): FanoutOptions | string | undefined {
  const { 'fanout-listen': listen, 'fanout-cert': cert, 'fanout-key': key, 'fanout-ca': ca } = values;
  if (listen === undefined) {
    const given = [cert, key, ca].some(each => each !== undefined);
    return given
      ? '--fanout-cert, --fanout-key and --fanout-ca mean something only with --fanout-listen'
      : undefined;
  }
  const [, host, port] = /^\[?([^[\]]*?)\]?:(\d{1,5})$/.exec(listen) ?? [];
  if (host === undefined || Number(port) > 65_535)
    return `--fanout-listen takes HOST:PORT, not ${JSON.stringify(listen)}`;
  if (cert === undefined || key === undefined || ca === undefined)
    return '--fanout-listen needs --fanout-cert, --fanout-key and --fanout-ca: agents are served over mutual TLS only';
  return { host: host === '' ? '::' : host, port: Number(port), files: { cert, key, ca } };
}

/** Watches everything that nodes enforce, and serves each what concerns it. Rejects when the port or the files can't be had. */
export async function serveFanout(client: KubeClient, options: FanoutOptions, log: (line: string) => void) {
  const server = new FanoutServer({
    ...options,
    log,
    staleMs: () => {
      if (!watches.group.synced) return undefined;
      const { staleSince } = watches.group;
      return staleSince === undefined ? 0 : Math.max(0, Math.round(Date.now() - staleSince));
    },
  });
  const watches = watchCluster(
    client,
    sighting => server.saw(sighting),
    (kind, message) => log(`fan-out: ${kind}: ${message}`),
  );
  const port = await server.listen();
  watches.group.start();
  return {
    port,
    get status() {
      return { ...server.status, waitingFor: watches.missing() };
    },
    async stop() {
      await Promise.all([watches.group.stop(), server.stop()]);
    },
  };
}
