import { execFileSync, spawnSync } from 'node:child_process';

/** Namespaces of the examined speaker and of those who examine it; two examinations may run at once. */
export const SUBJECT_NAMESPACE = `msl-t-cf-s-${process.pid}`;
export const PROBE_NAMESPACE = `msl-t-cf-p-${process.pid}`;
/** The examined speaker. */
export const SUBJECT = { ip: '10.79.0.1', as: 65000 } as const;

/** Well-behaved peers that stay for the whole examination: two that watch, and some that offer routes. */
export const GUESTS = {
  external: { ip: '10.79.1.1', as: 64900 },
  internal: { ip: '10.79.1.2', as: 65000 },
  a: { ip: '10.79.1.3', as: 65001 },
  b: { ip: '10.79.1.4', as: 65002 },
  a2: { ip: '10.79.1.5', as: 65001 },
  i1: { ip: '10.79.1.6', as: 65000 },
  i2: { ip: '10.79.1.7', as: 65000 },
  twin1: { ip: '10.79.1.8', as: 65003, id: '10.79.1.99' },
  twin2: { ip: '10.79.1.9', as: 65004, id: '10.79.1.99' },
} as const satisfies Record<string, { readonly ip: string; readonly as: number; readonly id?: string }>;
/** Name of a well-behaved peer. */
export type Guest = keyof typeof GUESTS;

/** Peers that the examined speaker calls by itself, for collisions. */
export const CALLED = ['10.79.5.1', '10.79.5.2'] as const;
/** AS of probes from outside. */
export const PROBE_AS = 65010;

/** Where one probe comes from, and which prefixes are its own. */
export interface Place {
  readonly ip: string;
  readonly as: number;
  /** 10.128.n.0/24: what the probe is about. */
  readonly prefix: readonly number[];
  /** 10.129.n.0/24: a route that must survive everything short of a reset. */
  readonly control: readonly number[];
  /** 10.130.n.0/24: sent after the probe, so that its arrival tells that the probe was digested. */
  readonly marker: readonly number[];
}

/** The place of the n-th probe. */
export function placeOf(n: number, internal: boolean): Place {
  const block = (base: number) => [24, 10, base + (n >> 8), n & 255];
  return {
    ip: `10.79.${(internal ? 4 : 2) + (n >> 8)}.${n & 255}`,
    as: internal ? SUBJECT.as : PROBE_AS,
    prefix: block(128),
    control: block(136),
    marker: block(144),
  };
}

/** Everybody whom the examined speaker must know as a peer. */
export interface PeerAddress {
  readonly ip: string;
  readonly as: number;
  readonly calls?: true;
}

/** The peers for so many probes from outside and from inside. */
export function allPeers(places: readonly Place[]): PeerAddress[] {
  return [
    ...Object.values(GUESTS).map(({ ip, as }) => ({ ip, as })),
    ...CALLED.map(ip => ({ ip, as: PROBE_AS, calls: true as const })),
    ...places.map(({ ip, as }) => ({ ip, as })),
  ];
}

/** Both namespaces, new, on one cable; all addresses of peers belong to the probe's side. */
export function makeNamespaces(): void {
  removeNamespaces();
  const ip = (text: string) => execFileSync('ip', text.split(' '));
  for (const ns of [SUBJECT_NAMESPACE, PROBE_NAMESPACE]) {
    ip(`netns add ${ns}`);
    ip(`-n ${ns} link set lo up`);
  }
  ip(`link add cf0 netns ${SUBJECT_NAMESPACE} type veth peer name cf0 netns ${PROBE_NAMESPACE}`);
  [SUBJECT_NAMESPACE, PROBE_NAMESPACE].forEach((ns, i) => {
    ip(`-n ${ns} link set cf0 up`);
    ip(`-n ${ns} addr add ${i === 0 ? SUBJECT.ip : '10.79.0.2'}/16 dev cf0`);
    ip(`-n ${ns} addr add fd79::${i + 1}/64 dev cf0 nodad`);
  });
  for (const range of ['10.79.1.0/24', '10.79.2.0/23', '10.79.4.0/23'])
    ip(`-n ${PROBE_NAMESPACE} route add local ${range} dev lo table local`);
}

/** Removes both namespaces; silent when they are not there. */
export function removeNamespaces(): void {
  for (const ns of [SUBJECT_NAMESPACE, PROBE_NAMESPACE]) spawnSync('ip', ['netns', 'del', ns]);
}
