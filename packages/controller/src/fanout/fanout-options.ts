const text = { type: 'string' } as const;

/** Flags of fan-out, for `parseArgs`. */
export const FANOUT_FLAGS = {
  'fanout-listen': text,
  'fanout-account': text,
  'fanout-cert': text,
  'fanout-key': text,
  'fanout-ca': text,
};

/** Where to listen, and who is who. */
export interface FanoutOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: /** Certificates of an authority of its own, also for agents that run as this service account. */
    | { readonly type: 'cluster'; readonly account: string }
    /** PEM files that somebody else makes and renews. */
    | { readonly type: 'files'; readonly cert: string; readonly key: string; readonly ca: string };
}

/** Reads the flags; undefined when fan-out is off, a sentence when they don't go together. */
export function readFanoutOptions(
  values: Readonly<Partial<Record<keyof typeof FANOUT_FLAGS, string | undefined>>>,
): FanoutOptions | string | undefined {
  const { 'fanout-listen': listen, ...others } = values;
  if (listen === undefined) {
    const given = Object.keys(FANOUT_FLAGS).find(name => others[name as keyof typeof others] !== undefined);
    return given === undefined ? undefined : `--${given} means something only with --fanout-listen`;
  }
  const [, host, port] = /^\[?([^[\]]*?)\]?:(\d{1,5})$/.exec(listen) ?? [];
  if (host === undefined || Number(port) > 65_535)
    return `--fanout-listen takes HOST:PORT, not ${JSON.stringify(listen)}`;
  const identity = readIdentity(others);
  if (typeof identity === 'string') return identity;
  return { host: host === '' ? '::' : host, port: Number(port), identity };
}

function readIdentity({
  'fanout-account': account = 'muslin-node',
  'fanout-cert': cert,
  'fanout-key': key,
  'fanout-ca': ca,
}: Readonly<Partial<Record<keyof typeof FANOUT_FLAGS, string | undefined>>>):
  | FanoutOptions['identity']
  | string {
  if (cert === undefined && key === undefined && ca === undefined) return { type: 'cluster', account };
  if (cert === undefined || key === undefined || ca === undefined)
    return '--fanout-cert, --fanout-key and --fanout-ca go together: agents are served over mutual TLS only';
  return { type: 'files', cert, key, ca };
}
