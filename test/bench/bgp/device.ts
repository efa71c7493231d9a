import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A session that the speaker under test expects. */
export interface DevicePeer {
  readonly ip: string;
  readonly as: number;
  /** A client of the speaker as route reflector. */
  readonly client?: boolean;
}

/** A BGP speaker under test: who it is, how it is configured and started. */
export interface Device {
  readonly name: string;
  /** Files to write into its folder. */
  files(peers: readonly DevicePeer[]): Readonly<Record<string, string>>;
  command(folder: string): readonly string[];
  /** A user that the folder must belong to. */
  readonly owner?: string;
  /** No speaker: measured only when it is asked for by name. */
  readonly onRequest?: boolean;
  /** A folder that the daemon confines itself to and that its package leaves to the init system to make. */
  readonly jail?: string;
}

export const DEVICE_IP = '10.66.0.1';
export const DEVICE_AS = 65_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Our program as one file, which is how images hold it. */
export const OUR_BUNDLE = '/run/msl-bench-muslin.mjs';

/** All speakers: ours first. */
export const DEVICES: readonly Device[] = [
  {
    name: 'muslin',
    files: peers => ({ 'peers.json': JSON.stringify(peers) }),
    command: folder => [
      process.execPath,
      ...(process.env['MUSLIN_DEVICE_FLAGS']?.split(' ') ?? []),
      OUR_BUNDLE,
      `${folder}/peers.json`,
    ],
  },
  {
    name: 'bird',
    files: peers => ({
      'bird.conf': `router id ${DEVICE_IP};\nlog stderr { error, fatal };\nprotocol device {}\n${peers
        .map(
          (p, i) =>
            `protocol bgp p${i} { local ${DEVICE_IP} as ${DEVICE_AS}; neighbor ${p.ip} as ${p.as}; passive; hold time 180;${p.client ? ' rr client;' : ''} ipv4 { import all; export all; }; }`,
        )
        .join('\n')}\n`,
    }),
    command: folder => [
      'bird',
      '-f',
      '-c',
      `${folder}/bird.conf`,
      '-s',
      `${folder}/ctl`,
      '-P',
      `${folder}/pid`,
    ],
  },
  {
    name: 'frr',
    owner: 'frr:frr',
    files: peers => ({
      'bgpd.conf': `router bgp ${DEVICE_AS}\n bgp router-id ${DEVICE_IP}\n no bgp ebgp-requires-policy\n no bgp network import-check\n${peers
        .map(
          p =>
            ` neighbor ${p.ip} remote-as ${p.as}\n neighbor ${p.ip} passive\n neighbor ${p.ip} timers 60 180\n`,
        )
        .join('')} address-family ipv4 unicast\n${peers
        .filter(p => p.client)
        .map(p => `  neighbor ${p.ip} route-reflector-client\n`)
        .join('')} exit-address-family\n`,
    }),
    command: folder => [
      '/usr/lib/frr/bgpd',
      ...[
        '-f',
        `${folder}/bgpd.conf`,
        '-Z',
        '-n',
        '--vty_socket',
        folder,
        '-i',
        `${folder}/pid`,
        '-z',
        `${folder}/z`,
        '-l',
        DEVICE_IP,
        '-A',
        '127.0.0.1',
      ],
    ],
  },
  {
    name: 'gobgp',
    files: peers => ({
      'gobgpd.toml': `[global.config]\n as = ${DEVICE_AS}\n router-id = "${DEVICE_IP}"\n local-address-list = ["${DEVICE_IP}"]\n${peers
        .map(
          p =>
            `[[neighbors]]\n [neighbors.config]\n  neighbor-address = "${p.ip}"\n  peer-as = ${p.as}\n [neighbors.transport.config]\n  passive-mode = true\n [neighbors.timers.config]\n  hold-time = 180\n  keepalive-interval = 60\n${p.client ? ` [neighbors.route-reflector.config]\n  route-reflector-client = true\n  route-reflector-cluster-id = "${DEVICE_IP}"\n` : ''}`,
        )
        .join('')}`,
    }),
    command: folder => [
      'gobgpd',
      '-f',
      `${folder}/gobgpd.toml`,
      '--api-hosts',
      '127.0.0.1:50061',
      '--pprof-disable',
      '-l',
      'error',
    ],
  },
  {
    name: 'openbgpd',
    jail: '/run/openbgpd',
    files: peers => ({
      'bgpd.conf': `AS ${DEVICE_AS}\nrouter-id ${DEVICE_IP}\nfib-update no\nlisten on ${DEVICE_IP}\nsocket "/tmp/msl-bench-bgpd.sock"\n${peers
        .map(
          p =>
            `neighbor ${p.ip} {\n remote-as ${p.as}\n passive\n announce IPv4 unicast\n${p.client ? ' route-reflector\n' : ''}}\n`,
        )
        .join('')}allow from any\nallow to any\n`,
    }),
    command: folder => ['bgpd', '-d', '-f', `${folder}/bgpd.conf`],
  },
  {
    name: 'bare-relay',
    onRequest: true,
    files: () => ({}),
    command: () => [
      ...[process.execPath, '--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'],
      fileURLToPath(new URL('bare-relay.ts', import.meta.url)),
    ],
  },
];

/** A device that runs in its namespace. */
export interface RunningDevice {
  /** CPU seconds of all its processes so far. */
  cpu(): number;
  /** Sum of the peaks of resident memory since it started, MiB. */
  peak(): number;
  /** Memory now, MiB, where a page that several processes map counts in parts. */
  proportional(): number;
  stop(): Promise<void>;
}

/** Where a device has its files. */
export function folderOf(name: string): string {
  return `/run/msl-bench-${name}`;
}

/** Starts a device; its sessions come when the peers dial. */
export function startDevice(device: Device, peers: readonly DevicePeer[], netns: string): RunningDevice {
  const folder = folderOf(device.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o755 });
  for (const [name, text] of Object.entries(device.files(peers)))
    writeFileSync(`${folder}/${name}`, text, { mode: 0o600 });
  const run = `${device.owner === undefined ? '' : `chown -R ${device.owner} ${folder} && `}exec ip netns exec ${netns} "$@"`;
  if (device.jail !== undefined) mkdirSync(device.jail, { recursive: true, mode: 0o755 });
  const log = openSync(`${folder}/stderr.log`, 'w');
  const child = spawn('sh', ['-c', run, 'sh', ...device.command(folder)], {
    cwd: root,
    stdio: ['ignore', 'ignore', log],
    detached: true,
  });
  const over = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const pids = () => treeOf(child.pid as number);
  return {
    cpu: () => pids().reduce((sum, pid) => sum + cpuOf(pid), 0),
    peak: () => pids().reduce((sum, pid) => sum + memoryOf(pid, 'status', 'VmHWM'), 0),
    proportional: () => pids().reduce((sum, pid) => sum + memoryOf(pid, 'smaps_rollup', 'Pss'), 0),
    stop: async () => {
      for (const pid of pids().reverse())
        try {
          process.kill(pid, process.env['MUSLIN_DEVICE_FLAGS'] ? 'SIGINT' : 'SIGKILL');
        } catch {
          // It ended by itself meanwhile.
        }
      await over;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const all = [root];
  for (let i = 0; i < all.length; i++) all.push(...(children.get(all[i] as number) ?? []));
  return all;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return -1;
  }
}

/** Time on a CPU of all threads, from /proc/PID/task/TID/schedstat (nanoseconds). */
function cpuOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
      const text = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8');
      return sum + Number(text.split(' ')[0]) / 1e9;
    }, 0);
  } catch {
    return 0;
  }
}

/** A line of a file in /proc/PID that tells kilobytes, in MiB. */
function memoryOf(pid: number, file: string, line: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
    return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
