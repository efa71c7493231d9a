import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { CriClient } from './cri-client.ts';
import { PAUSE_IMAGE, writePauseImage } from './pause-image.ts';
import { until } from './spaces.ts';
import type { Stand } from './stand.ts';

const [UNMOUNT = ''] = ['umount'];

function mountsUnder(folder: string): readonly string[] {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '');
  return mounts.filter(path => path.startsWith(`${folder}/`)).toReversed();
}

/** A real containerd whose pods live on a stand's node. */
export class Containerd {
  readonly #stand: Stand;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #cri: CriClient | undefined;
  #boots = 0;

  private constructor(stand: Stand) {
    this.#stand = stand;
    this.#folder = `${stand.folder}/containerd`;
  }

  /** Starts one with this list of plugins; besides the stand's executable it finds the reference ones. */
  static async up(stand: Stand, conflist: object): Promise<Containerd> {
    const folder = `${stand.folder}/containerd`;
    mkdirSync(`${folder}/net.d`, { recursive: true });
    // Its loopback is ours, as on a node where nobody installed any.
    symlinkSync('/usr/lib/cni/tuning', `${stand.folder}/bin/tuning`);
    writeFileSync(`${folder}/net.d/10-muslin.conflist`, JSON.stringify(conflist));
    writeFileSync(`${folder}/config.toml`, configIn(folder, `${stand.folder}/bin`));
    const containerd = new Containerd(stand);
    await containerd.start();
    const image = ['image', 'import', '--snapshotter', 'native', writePauseImage(folder)];
    execFileSync('ctr', ['--address', `${folder}/containerd.sock`, '--namespace', 'k8s.io', ...image]);
    return containerd;
  }

  /** After the first time: what is on disk is as it was left, and so are the sandboxes. */
  async start(): Promise<void> {
    const log = openSync(`${this.#folder}/log`, 'a');
    // Not `ip netns exec`: its mounts hide the control groups that runc needs.
    const net = `--net=${this.#stand.node.path}`;
    const child = spawn('nsenter', [net, 'containerd', '--config', `${this.#folder}/config.toml`], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    const boots = ++this.#boots;
    await until(
      () => this.log.split('successfully booted').length - 1,
      count => count >= boots || child.exitCode !== null,
      'containerd serves',
    );
    this.#cri = new CriClient(`${this.#folder}/containerd.sock`);
  }

  get cri(): CriClient {
    if (this.#cri === undefined) throw new Error('containerd does not run');
    return this.#cri;
  }

  get log(): string {
    return readFileSync(`${this.#folder}/log`, 'utf8');
  }

  /**
   * What a reboot does to it: no process of its sandboxes lives, what lay in /run is gone, network namespaces too. What is on
   * disk stays. `start` is the machine's next boot.
   */
  async losePower(): Promise<void> {
    const tasks = execFileSync(
      'ctr',
      ['--address', `${this.#folder}/containerd.sock`, '--namespace', 'k8s.io', 'task', 'ls'],
      { encoding: 'utf8' },
    );
    const [, ...pids] = tasks
      .trim()
      .split('\n')
      .map(line => Number(line.split(/\s+/)[1]));
    // The shims are asked for their sandboxes' ends, and end with them.
    const shims = pids.map(pid =>
      Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
    );
    await this.down('SIGKILL');
    for (const pid of [...shims, ...pids]) if (pid > 1) process.kill(pid, 'SIGKILL');
    const alive = () => [...shims, ...pids].filter(pid => existsSync(`/proc/${pid}/ns/net`));
    await until(alive, left => left.length === 0, 'all processes of sandboxes are gone');
    for (const mount of mountsUnder(`${this.#folder}/state`)) spawnSync(UNMOUNT, ['-l', mount]);
    rmSync(`${this.#folder}/state`, { recursive: true, force: true });
  }

  async down(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#cri?.close();
    const ended = new Promise(resolve => this.#child?.once('exit', resolve));
    if (this.#child?.kill(signal)) await ended;
  }
}

/** Everything in one folder, and nothing that needs a whole machine: no AppArmor, no overlay, no groups of its own. */
const configIn = (folder: string, bin: string) => `
version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_cgroup = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${bin}"
    conf_dir = "${folder}/net.d"
`;
