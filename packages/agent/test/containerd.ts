import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { CriClient } from './cri-client.ts';
import { PAUSE_IMAGE, writePauseImage } from './pause-image.ts';
import { until } from './spaces.ts';
import type { Stand } from './stand.ts';

/** A real containerd whose pods live on a stand's node. */
export class Containerd {
  readonly cri: CriClient;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    this.cri = new CriClient(`${folder}/containerd.sock`);
  }

  /** Starts one with this list of plugins; besides the stand's executable it finds the reference ones. */
  static async up(stand: Stand, conflist: object): Promise<Containerd> {
    const folder = `${stand.folder}/containerd`;
    mkdirSync(`${folder}/net.d`, { recursive: true });
    // Its loopback is ours, as on a node where nobody installed any.
    symlinkSync('/usr/lib/cni/tuning', `${stand.folder}/bin/tuning`);
    writeFileSync(`${folder}/net.d/10-muslin.conflist`, JSON.stringify(conflist));
    writeFileSync(`${folder}/config.toml`, configIn(folder, `${stand.folder}/bin`));
    const log = openSync(`${folder}/log`, 'a');
    // Not `ip netns exec`: its mounts hide the control groups that runc needs.
    const net = `--net=${stand.node.path}`;
    const child = spawn('nsenter', [net, 'containerd', '--config', `${folder}/config.toml`], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const said = () => readFileSync(`${folder}/log`, 'utf8');
    await until(
      said,
      text => /successfully booted/.test(text) || child.exitCode !== null,
      'containerd serves',
    );
    const containerd = new Containerd(folder, child);
    const image = ['image', 'import', '--snapshotter', 'native', writePauseImage(folder)];
    execFileSync('ctr', ['--address', `${folder}/containerd.sock`, '--namespace', 'k8s.io', ...image]);
    return containerd;
  }

  get log(): string {
    return readFileSync(`${this.#folder}/log`, 'utf8');
  }

  async down(): Promise<void> {
    this.cri.close();
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    if (this.#child.kill('SIGTERM')) await ended;
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
