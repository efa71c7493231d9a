import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CNI_VERSIONS, compareVersions } from '../../packages/agent/src/cni/cni-request.ts';
import { until } from '../../packages/agent/test/spaces.ts';
import { Stand, type StandPod } from '../../packages/agent/test/stand.ts';

export const USAGE = `npm run proof -- cnitool --cnitool FILE     libcni's own tool drives the executable

  --cnitool FILE   cnitool, built from the sources of github.com/containernetworking/cni (1.3.0 or later: older
                   ones know neither CNI 1.1 nor gc and status)
`;

/** What cnitool did. */
interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

type Conf = Readonly<Record<string, unknown>>;
interface Asked {
  readonly capabilities?: object;
  readonly ifname?: string;
  readonly args?: string;
}

const REFERENCE = '/usr/lib/cni';
const MUSLIN = {
  type: 'muslin',
  capabilities: { portMappings: true, bandwidth: true, ips: true, mac: true },
};
const TUNING = { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } };
const PORTMAP = {
  ...{ type: 'portmap', snat: true, backend: 'iptables' },
  capabilities: { portMappings: true },
};
const BANDWIDTH = { type: 'bandwidth', capabilities: { bandwidth: true } };
const ROUTED = {
  ...{ type: 'host-local', dataDir: '/var/lib/cni/networks', subnet: '10.88.0.0/24' },
  routes: [{ dst: '0.0.0.0/0' }],
};
const PTP = { type: 'ptp', ipam: ROUTED };

/** Runs all; whether every expectation held. */
export async function proveCnitool(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({ args: [...args], options: { cnitool: { type: 'string' } } });
  if (values.cnitool === undefined || !statSync(values.cnitool, { throwIfNoEntry: false })?.isFile()) {
    process.stderr.write(USAGE);
    return false;
  }
  const stand = await Stand.up();
  try {
    const proof = new CnitoolProof(stand, values.cnitool);
    await proof.run();
    process.stdout.write(`${proof.held} expectations held, ${proof.broken} did not\n`);
    return proof.broken === 0;
  } finally {
    await stand.down();
  }
}

class CnitoolProof {
  readonly #stand: Stand;
  readonly #tool: string;
  #count = 0;
  held = 0;
  broken = 0;

  constructor(stand: Stand, tool: string) {
    this.#stand = stand;
    this.#tool = tool;
    for (const name of ['net.d', 'libcni']) mkdirSync(`${stand.folder}/${name}`, { recursive: true });
  }

  async run(): Promise<void> {
    for (const version of CNI_VERSIONS) await this.#alone(version);
    await this.#alone('1.0.0', ['0.4.0', '1.0.0', '1.1.0']);
    for (const version of ['0.3.1', '0.4.0', '1.0.0']) await this.#chain(version);
    for (const type of ['firewall', 'sbr']) await this.#beside(type);
    await this.#behind('1.0.0');
    await this.#refused('a bridge', [
      { type: 'bridge', bridge: 'br9', ipam: { ...ROUTED, subnet: '10.88.9.0/24' } },
      MUSLIN,
    ]);
    this.#stand.node.run('ip', 'link', 'add', 'm0', 'type', 'veth', 'peer', 'name', 'm1');
    await this.#refused('macvlan', [
      { type: 'macvlan', master: 'm0', ipam: { ...ROUTED, subnet: '10.88.8.0/24' } },
      MUSLIN,
    ]);
    await this.#words();
    await this.#collected();
    await this.#away();
  }

  /** Our plugin and no other. */
  async #alone(version: string, cniVersions?: readonly string[]): Promise<void> {
    const what = cniVersions === undefined ? version : `one of ${cniVersions.join(', ')}`;
    this.#list([MUSLIN], version, cniVersions);
    const pod = await this.#pod();
    const added = await this.#ask('add', pod);
    this.#expect(`add, ${what}`, added.code === 0 && added.out.includes('"10.77.0.'), added);
    const again = await this.#ask('add', pod);
    this.#expect(`add again, ${what}: already exists`, again.err.includes('already'), again);
    if (compareVersions(version, '0.4.0') >= 0) await this.#good(`check, ${what}`, 'check', pod);
    if (version === '1.1.0') await this.#good('status, 1.1.0', 'status', pod);
    await this.#good(`del, ${what}`, 'del', pod);
    await this.#good(`second del, ${what}`, 'del', pod);
    await this.#nothing(what);
  }

  /** Plugins after ours that get their own capabilities. */
  async #chain(version: string): Promise<void> {
    const what = `tuning, portmap, bandwidth after ours, ${version}`;
    this.#list([{ type: 'muslin' }, TUNING, PORTMAP, BANDWIDTH], version);
    const pod = await this.#pod();
    const capabilities = {
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
      bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000 },
    };
    await this.#good(`add, ${what}`, 'add', pod, { capabilities });
    const rules = this.#stand.node.run('iptables-save', '-t', 'nat');
    this.#expect(`portmap has its rules, ${version}`, rules.includes('CNI-DN'), rules);
    const qdiscs = this.#stand.node.run('tc', 'qdisc');
    this.#expect(`bandwidth has its bucket, ${version}`, qdiscs.includes('rate 8Mbit'), qdiscs);
    await this.#good(`del, ${what}`, 'del', pod, { capabilities });
    await this.#good(`second del, ${what}`, 'del', pod, { capabilities });
    await this.#nothing(what);
  }

  async #beside(type: string): Promise<void> {
    this.#list([MUSLIN, { type }], '1.0.0');
    const pod = await this.#pod();
    await this.#good(`add, ${type} after ours`, 'add', pod);
    await this.#good(`check, ${type} after ours`, 'check', pod);
    await this.#good(`del, ${type} after ours`, 'del', pod);
    // sbr itself fails where the interface is gone.
    if (type !== 'sbr') await this.#good(`second del, ${type} after ours`, 'del', pod);
    await this.#nothing(type);
  }

  /** Ours enforces alone. */
  async #behind(version: string): Promise<void> {
    this.#list([PTP, MUSLIN], version);
    const pod = await this.#pod();
    await this.#good('add behind ptp', 'add', pod);
    this.#expect('ptp’s interface is ours', this.#stand.cables().length === 1, this.#stand.cables());
    await this.#good('check behind ptp', 'check', pod);
    await this.#good('del behind ptp', 'del', pod);
    await this.#good('second del behind ptp', 'del', pod);
    await this.#nothing('behind ptp');
  }

  async #refused(what: string, plugins: readonly Conf[]): Promise<void> {
    this.#list(plugins, '1.0.0');
    const pod = await this.#pod();
    const said = await this.#ask('add', pod);
    this.#expect(
      `add behind ${what} is refused with the reason`,
      /rules of the node|bridge/.test(said.err),
      said,
    );
    await this.#good(`del behind ${what}`, 'del', pod);
    await this.#nothing(what);
  }

  /** CNI_ARGS and CAP_ARGS that ask for something. */
  async #words(): Promise<void> {
    this.#list([MUSLIN], '1.1.0');
    const pod = await this.#pod();
    const capabilities = {
      portMappings: [{ hostPort: 8081, containerPort: 80, protocol: 'tcp' }],
      ...{ ips: ['10.77.0.200/32', 'fd77::c8/128'], mac: '02:00:00:00:00:42' },
      bandwidth: { ingressRate: 1_000_000, ingressBurst: 100_000 },
    };
    const said = await this.#ask('add', pod, { capabilities });
    const has = ['10.77.0.200/32', 'fd77::c8/128', '02:00:00:00:00:42'].every(text =>
      said.out.includes(text),
    );
    this.#expect('addresses and a MAC of CAP_ARGS', said.code === 0 && has, said);
    await this.#good('check with CAP_ARGS', 'check', pod, { capabilities });
    await this.#good('a second interface', 'add', pod, { ifname: 'net1' });
    await this.#good('check of the second interface', 'check', pod, { ifname: 'net1' });
    await this.#good('del of the second interface', 'del', pod, { ifname: 'net1' });
    await this.#good('check after it', 'check', pod, { capabilities });
    await this.#good('del with CAP_ARGS', 'del', pod, { capabilities });
    const unknown = await this.#ask('add', pod, { args: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=x;COLOUR=red` });
    this.#expect('CNI_ARGS that nobody knows', unknown.err.includes('COLOUR'), unknown);
    await this.#good('del after the refusal', 'del', pod);
    await this.#nothing('words');
  }

  /** `gc` of cnitool: DELs for all that libcni remembers, then GC without a list. */
  async #collected(): Promise<void> {
    this.#list([MUSLIN], '1.1.0');
    const pods = [await this.#pod(), await this.#pod()];
    for (const pod of pods) await this.#good('add before gc', 'add', pod);
    pods[0]?.space.close();
    await this.#good('gc', 'gc', pods[1] as StandPod);
    await this.#nothing('gc');
  }

  /** The agent is away. */
  async #away(): Promise<void> {
    const pods = [await this.#pod(), await this.#pod()] as const;
    await this.#good('add before the agent dies', 'add', pods[0]);
    await this.#stand.kill('agent');
    const added = await this.#ask('add', pods[1]);
    this.#expect('add without the agent: try again', /agent/.test(added.err), added);
    const status = await this.#ask('status', pods[1]);
    this.#expect('status without the agent', status.code === 1, status);
    const checked = await this.#ask('check', pods[0]);
    this.#expect('check without the agent', checked.code === 1, checked);
    await this.#good('del without the agent', 'del', pods[0]);
    await this.#good('second del without the agent', 'del', pods[0]);
    await this.#stand.startAgent();
    await this.#nothing('the agent is back');
    await this.#good('status with the agent', 'status', pods[1]);
  }

  async #good(what: string, command: string, pod: StandPod, asked: Asked = {}): Promise<void> {
    const said = await this.#ask(command, pod, asked);
    this.#expect(what, said.code === 0, said);
  }

  async #nothing(what: string): Promise<void> {
    const left = async () => ({
      links: this.#stand.node
        .ip('link', 'show')
        .map(link => link.ifname as string)
        .filter(name => /^(msl|veth)/.test(name)),
      routes: this.#stand.routes(),
      held: [...(await this.#stand.held()).keys()].filter(handle => handle.includes('cnitool')),
    });
    const seen = await until(
      left,
      now => Object.values(now).flat().length === 0,
      'nothing is left',
      10_000,
    ).catch(left);
    this.#expect(`nothing is left: ${what}`, Object.values(seen).flat().length === 0, seen);
  }

  #expect(what: string, good: boolean, seen: unknown): void {
    if (good) this.held++;
    else this.broken++;
    process.stdout.write(good ? `ok      ${what}\n` : `BROKEN  ${what}\n        ${JSON.stringify(seen)}\n`);
  }

  #pod(): Promise<StandPod> {
    return this.#stand.pod(`tool-${this.#count++}`);
  }

  #list(plugins: readonly Conf[], cniVersion: string, cniVersions?: readonly string[]): void {
    const path = `${this.#stand.folder}/net.d/10-list.conflist`;
    rmSync(path, { force: true });
    writeFileSync(
      path,
      JSON.stringify({ cniVersion, ...(cniVersions && { cniVersions }), name: 'tool', plugins }),
    );
  }

  /** In the node's namespace, with a cache that is nobody else's. */
  #ask(command: string, pod: StandPod, { capabilities, ifname = 'eth0', args }: Asked = {}): Promise<Said> {
    const { folder, node } = this.#stand;
    const script = `mkdir -p /var/lib/cni && mount --bind ${folder}/libcni /var/lib/cni && exec "$@"`;
    const child = spawn(
      'ip',
      ['netns', 'exec', node.name, 'sh', '-c', script, 'sh', this.#tool, command, 'tool', pod.space.path],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...{ PATH: process.env['PATH'], NETCONFPATH: `${folder}/net.d`, CNI_IFNAME: ifname },
          CNI_PATH: `${folder}/bin:${REFERENCE}`,
          CNI_ARGS:
            args ?? `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.uid}`,
          ...(capabilities === undefined ? {} : { CAP_ARGS: JSON.stringify(capabilities) }),
        },
      },
    );
    const text = { out: '', err: '' };
    child.stdout.on('data', chunk => (text.out += chunk));
    child.stderr.on('data', chunk => (text.err += chunk));
    return new Promise(resolve => child.on('close', code => resolve({ code, ...text })));
  }
}
