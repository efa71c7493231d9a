import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { THEIRS } from './namespaces.ts';

/** What a cell asks of the peer's configuration. */
export interface PeerSettings {
  readonly as: number;
  readonly remoteAs: number;
  readonly families: readonly ('ipv4' | 'ipv6')[];
  /** Session over IPv6. */
  readonly over6: boolean;
}

/** A daemon of another project, and how it is asked. */
export interface Peer {
  readonly name: string;
  readonly package: string;
  readonly owner?: string;
  files(settings: PeerSettings, folder: string): Readonly<Record<string, string>>;
  command(folder: string): readonly string[];
  /** True once it says that the session stands. */
  established(folder: string): boolean;
  /** What it says of the routes from us, with attributes. */
  routes(folder: string): string;
  /** What it says of the session's end. */
  lastWords(folder: string): string;
}

const ask = (...words: string[]) =>
  execFileSync('ip', ['netns', 'exec', THEIRS, ...words], { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
const addresses = (s: PeerSettings) => (s.over6 ? ['fd78::2', 'fd78::1'] : ['10.78.0.2', '10.78.0.1']);
const log = (folder: string) => readFileSync(`${folder}/log`, 'utf8');
const vty = (folder: string, command: string) => ask('vtysh', '--vty_socket', folder, '-c', command);

export const PEERS: readonly Peer[] = [
  {
    name: 'BIRD',
    package: 'bird2',
    files: s => {
      const [own, other] = addresses(s);
      const next = s.over6 ? '' : 'next hop address fd78::2;';
      return {
        conf: `router id 10.78.0.2;\nlog stderr all;\nprotocol device {}\nprotocol static a { ipv4; route 192.0.2.0/24 blackhole; }\nprotocol static b { ipv6; route 2001:db8:1::/48 blackhole; }\nprotocol bgp muslin { local ${own} as ${s.as}; neighbor ${other} as ${s.remoteAs}; hold time 9; connect delay time 1;\n${s.families.map(f => `${f} { import all; export where source = RTS_STATIC; next hop self; ${f === 'ipv6' ? next : ''} };`).join('\n')} }\n`,
      };
    },
    command: f => ['bird', '-f', '-c', `${f}/conf`, '-s', `${f}/ctl`, '-P', `${f}/pid`],
    established: f => ask('birdc', '-s', `${f}/ctl`, 'show', 'protocols', 'muslin').includes('Established'),
    routes: f => ask('birdc', '-s', `${f}/ctl`, 'show', 'route', 'protocol', 'muslin', 'all'),
    lastWords: f => ask('birdc', '-s', `${f}/ctl`, 'show', 'protocols', 'all', 'muslin') + log(f),
  },
  {
    name: 'FRR',
    package: 'frr',
    owner: 'frr:frr',
    files: s => {
      const other = addresses(s)[1];
      const route = { ipv4: '192.0.2.0/24', ipv6: '2001:db8:1::/48' };
      const on = (f: 'ipv4' | 'ipv6') =>
        ` address-family ${f} unicast\n  ${s.families.includes(f) ? '' : 'no '}neighbor ${other} activate\n  network ${route[f]}\n exit-address-family\n`;
      return {
        conf: `log stdout\ndebug bgp neighbor-events\nrouter bgp ${s.as}\n bgp router-id 10.78.0.2\n no bgp ebgp-requires-policy\n no bgp network import-check\n neighbor ${other} remote-as ${s.remoteAs}\n neighbor ${other} timers 3 9\n neighbor ${other} timers connect 1\n${on('ipv4')}${on('ipv6')}`,
      };
    },
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
    established: f => vty(f, 'show bgp neighbors json').includes('"bgpState":"Established"'),
    routes: f =>
      ['show bgp ipv4 unicast 10.200.1.0/26 json', 'show bgp ipv6 unicast fd00:200::/64 json']
        .map(c => vty(f, c))
        .join(''),
    lastWords: f => vty(f, 'show bgp neighbors json') + log(f),
  },
  {
    name: 'OpenBGPD',
    package: 'openbgpd',
    files: (s, f) => {
      const [own, other] = addresses(s);
      mkdirSync('/run/openbgpd', { recursive: true, mode: 0o755 });
      return {
        conf: `AS ${s.as}\nrouter-id 10.78.0.2\nfib-update no\nlisten on ${own}\nsocket "${f}/ctl"\nholdtime 9\nnetwork 192.0.2.0/24\nnetwork 2001:db8:1::/48\nneighbor ${other} {\n remote-as ${s.remoteAs}\n${s.families.includes('ipv4') ? ' announce IPv4 unicast\n' : ' announce IPv4 none\n'}${s.families.includes('ipv6') ? ' announce IPv6 unicast\n' : ''}}\nallow from any\nallow to any\n`,
      };
    },
    command: f => ['bgpd', '-d', '-v', '-f', `${f}/conf`],
    established: f =>
      ask('bgpctl', '-j', '-s', `${f}/ctl`, 'show', 'neighbor').includes('"state": "Established"'),
    routes: f => ask('bgpctl', '-j', '-s', `${f}/ctl`, 'show', 'rib', 'detail', 'in'),
    lastWords: f => ask('bgpctl', '-j', '-s', `${f}/ctl`, 'show', 'neighbor') + log(f),
  },
];
