import type { DevicePeer } from './device.ts';

/** What is measured of each speaker, and how long it may take. */
export interface CasePlan {
  readonly title: string;
  /** The harness's name for it. */
  readonly run: string;
  readonly size: number;
  readonly peers: readonly DevicePeer[];
  /** Single announcements per latency. */
  readonly samples: number;
  /** Seconds that one phase may take. */
  readonly limitS: number;
}

const sink: DevicePeer = { ip: '10.66.0.9', as: 65_009 };
const late: DevicePeer = { ip: '10.66.0.8', as: 65_008 };
const feeder = (i: number, as: number, client = false): DevicePeer => ({
  ip: `10.66.1.${i + 1}`,
  as,
  client,
});
const mesh = (n: number): DevicePeer[] =>
  Array.from({ length: n }, (_, i) => ({ ip: `10.66.${2 + (i >> 7)}.${(i & 127) + 1}`, as: 65_000 }));
const table = [feeder(0, 65_101), sink, late];
const twenty = Array.from({ length: 20 }, (_, i) => feeder(i, 65_101 + i));
const clients = Array.from({ length: 51 }, (_, i) => feeder(i, 65_000, true));

/** All cases; the quick ones are the same with a tenth of the prefixes and with peers that are given up earlier. */
export function casesOf(quick: boolean): readonly CasePlan[] {
  const full = quick ? 100_000 : 1_000_000;
  const more = { samples: quick ? 20 : 200, limitS: quick ? 6 : 40 };
  return [
    {
      ...{ title: `${full} prefixes, one feeder, one sink`, run: 'relay', size: full, peers: table },
      ...{ ...more, limitS: quick ? 5 : 60 },
    },
    {
      ...{ title: '20 feeders, the same 100000 prefixes', run: 'feeders', size: 100_000 },
      ...{ peers: [...twenty, sink], ...more },
    },
    { title: '100000 prefixes to 50 clients', run: 'reflector', size: 100_000, peers: clients, ...more },
    {
      ...{ title: '250 internal peers dial at once', run: 'mesh', size: 250, peers: [...mesh(250), sink] },
      ...more,
    },
    ...(quick
      ? []
      : [
          {
            ...{ title: 'one route, 1000 times', run: 'single', size: 1000, peers: table },
            ...{ ...more, samples: 1000 },
          },
          {
            ...{ title: '1000 internal peers dial at once', run: 'mesh', size: 1000 },
            ...{ peers: [...mesh(1000), sink], ...more },
          },
          {
            title: `${full} prefixes beside a peer that reads nothing`,
            run: 'slow',
            size: full,
            peers: table,
            ...more,
          },
        ]),
  ];
}

/** The addresses of all peers that any case has. */
export const PEER_ADDRESSES: readonly string[] = [
  ...new Set([...table, ...twenty, ...clients, ...mesh(1000)].map(({ ip }) => ip)),
];
