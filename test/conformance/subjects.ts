import { fileURLToPath } from 'node:url';
import { type PeerAddress, SUBJECT } from './place.ts';

/** A speaker that can be examined. */
export interface Subject {
  readonly name: string;
  /** Debian package; absent for ours. */
  readonly package?: string;
  readonly owner?: string;
  /** Milliseconds of patience, and probes at once: what its slowest timer asks for. */
  readonly late: number;
  readonly settle: number;
  readonly atOnce: number;
  /** It passes no routes on, so that only what it says itself can be observed. */
  readonly noRoutes?: true;
  files(peers: readonly PeerAddress[], folder: string): Readonly<Record<string, string>>;
  command(folder: string, peers: readonly PeerAddress[]): readonly string[];
}

const { ip, as } = SUBJECT;
const ours = fileURLToPath(new URL('ours.ts', import.meta.url));

/** Our own speaker: with short patience, for it has no timer that waits. */
export const OURS: Subject = {
  name: 'Muslin',
  late: 3000,
  settle: 0,
  atOnce: 24,
  files: () => ({}),
  command: (_folder, peers) => [
    process.execPath,
    '--conditions=@muslin/source',
    '--disable-warning=ExperimentalWarning',
    ours,
    JSON.stringify(peers),
  ],
};

/** Packaged speakers, for comparison. */
export const OTHERS: readonly Subject[] = [
  {
    name: 'BIRD',
    package: 'bird2',
    late: 6000,
    settle: 300,
    atOnce: 4,
    files: peers => ({
      conf: `router id ${ip};\nlog stderr all;\nprotocol device {}\ntemplate bgp any { local ${ip} as ${as}; direct; hold time 90; error wait time 1, 2; connect retry time 2; graceful restart on; enable extended messages on;\nipv4 { import all; export all; import table; }; ipv6 { import all; export all; next hop address fd79::1; }; }\n${peers.map((p, i) => `protocol bgp p${i} from any { neighbor ${p.ip} as ${p.as}; ${p.calls ? 'connect delay time 1;' : 'passive on;'} }`).join('\n')}\n`,
    }),
    command: f => ['bird', '-f', '-c', `${f}/conf`, '-s', `${f}/ctl`, '-P', `${f}/pid`],
  },
  {
    name: 'FRR',
    package: 'frr',
    owner: 'frr:frr',
    late: 6000,
    settle: 500,
    atOnce: 4,
    files: peers => ({
      conf: `log stdout\nrouter bgp ${as}\n bgp router-id ${ip}\n no bgp ebgp-requires-policy\n no bgp network import-check\n bgp graceful-restart\n coalesce-time 0\n${peers.map(p => ` neighbor ${p.ip} remote-as ${p.as}\n neighbor ${p.ip} timers 30 90\n neighbor ${p.ip} timers connect 1\n neighbor ${p.ip} advertisement-interval 0\n${p.calls ? '' : ` neighbor ${p.ip} passive\n`}`).join('')} address-family ipv6 unicast\n${peers.map(p => `  neighbor ${p.ip} activate\n`).join('')} exit-address-family\n`,
    }),
    command: f => [
      '/usr/lib/frr/bgpd',
      '-f',
      `${f}/conf`,
      '-Z',
      '-n',
      '--vty_socket',
      f,
      '-i',
      `${f}/pid`,
      '-z',
      `${f}/z`,
      '-A',
      '127.0.0.1',
    ],
  },
  {
    name: 'GoBGP',
    package: 'gobgpd',
    late: 6000,
    settle: 300,
    atOnce: 1,
    files: peers => ({
      'conf.toml': `[global.config]\n  as = ${as}\n  router-id = "${ip}"\n  local-address-list = ["${ip}"]\n${peers
        .map(
          p =>
            `[[neighbors]]\n  [neighbors.config]\n    neighbor-address = "${p.ip}"\n    peer-as = ${p.as}\n  [neighbors.transport.config]\n    passive-mode = ${!p.calls}\n    local-address = "${ip}"\n  [neighbors.timers.config]\n    connect-retry = 1\n    idle-hold-time-after-reset = 1\n  [neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = 60\n  [neighbors.error-handling.config]\n    treat-as-withdraw = true\n${['ipv4', 'ipv6'].map(f => `  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "${f}-unicast"\n    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n`).join('')}`,
        )
        .join('')}`,
    }),
    command: f => ['gobgpd', '-f', `${f}/conf.toml`, '--api-hosts', '127.0.0.1:50051', '--pprof-disable'],
  },
  {
    name: 'OpenBGPD',
    package: 'openbgpd',
    late: 6000,
    settle: 300,
    atOnce: 2,
    files: (peers, f) => ({
      conf: `AS ${as}\nrouter-id ${ip}\nfib-update no\nlisten on ${ip}\nsocket "${f}/ctl"\nholdtime 90\nnexthop qualify via default\n${peers.map(p => `neighbor ${p.ip} {\n remote-as ${p.as}\n announce IPv4 unicast\n announce IPv6 unicast\n announce restart yes\n announce refresh yes\n announce enhanced refresh yes\n${p.calls ? '' : ' passive\n'}}\n`).join('')}allow from any\nallow to any\n`,
    }),
    command: f => ['bgpd', '-d', '-v', '-f', `${f}/conf`],
  },
  {
    name: 'ExaBGP',
    package: 'exabgp',
    late: 6000,
    settle: 300,
    atOnce: 2,
    noRoutes: true,
    files: peers => ({
      conf: peers
        .map(
          p =>
            `neighbor ${p.ip} { router-id ${ip}; local-address ${ip}; local-as ${as}; peer-as ${p.as}; hold-time 90; ${p.calls ? '' : `passive; listen 179;`} capability { route-refresh; graceful-restart 60; } family { ipv4 unicast; ipv6 unicast; } }`,
        )
        .join('\n'),
    }),
    command: f => [
      'env',
      'exabgp.daemon.user=root',
      'exabgp.tcp.bind=10.79.0.1',
      'exabgp.api.cli=false',
      'exabgp',
      `${f}/conf`,
    ],
  },
];
