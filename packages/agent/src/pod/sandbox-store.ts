import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { formatIp, mustIp } from '@muslin/net';
import type { LocalPort } from '../core/local-endpoint.ts';
import type { Holding } from '../ipam/lost-blocks.ts';
import { holderOf } from './address-wishes.ts';
import type { Bandwidth } from './bandwidth.ts';
import type { PacketLimits } from './packet-limits.ts';

/** What this node did for one sandbox and interface: enough to go on after a restart without the API server. */
export interface Sandbox {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  /** Name of the CNI network: with the container it names the addresses' handle. */
  readonly network: string;
  readonly hostInterface: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Canonical addresses; empty while they are being asked for. */
  readonly ips: readonly string[];
  readonly podMac: string;
  readonly mtu: number;
  /** Whether the pod's default routes lead here; absent: yes. */
  readonly defaultRoute?: boolean;
  /** Ports of the node that lead to it; absent: none. `hostIp` as text. */
  readonly ports?: readonly (Omit<LocalPort, 'hostIp'> & { readonly hostIp?: string })[];
  /** What its packets are held to; absent: nothing. */
  readonly limits?: PacketLimits;
  /** How fast it may get and send; absent: as fast as it can. */
  readonly bandwidth?: Partial<Bandwidth>;
  /** Who made the interface and its addresses: a plugin before us, whose they stay; absent: we. */
  readonly madeBy?: 'others';
  /**
   * `adding` until the ADD was answered: a restart finds it and takes it back. `leaving` from the DEL on until all of it is
   * gone and its addresses are promised back, which may be after the answer.
   */
  readonly state: 'adding' | 'ready' | 'leaving';
}

/** Who is further: of two files of one sandbox the later state is the one that was written last. */
const STATES: readonly Sandbox['state'][] = ['adding', 'ready', 'leaving'];

/**
 * Sandboxes on disk, one file each: a killed program finds them as they were, since a file that is half written counts for
 * nothing, and the one before goes afterwards; what would be written over goes under another name until it is whole. They
 * are not synced, which would cost each ADD milliseconds: a loss of power takes all namespaces along, and the runtime's
 * DELs free by handle what had been given to them. Each state has a name of its own, and the one before goes afterwards:
 * a file that takes another's place is written to the disk at once (ext4(5), auto_da_alloc), which costs 2 ms and more.
 */
export class SandboxStore {
  readonly #folder: string;
  readonly #byKey = new Map<string, Sandbox>();
  /** Where each is written down. */
  readonly #paths = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      const path = `${folder}/${name}`;
      const sandbox = name.endsWith('.json') ? readSandbox(path) : undefined;
      // A file that can't be read was never confirmed: nobody relies on it.
      if (sandbox === undefined) rmSync(path, { force: true });
      else this.#found(sandbox, path);
    }
  }

  #found(sandbox: Sandbox, path: string): void {
    const key = keyOf(sandbox.containerId, sandbox.ifname);
    const known = this.#byKey.get(key);
    const knownPath = this.#paths.get(key);
    const isLater = STATES.indexOf(sandbox.state) > STATES.indexOf(known?.state ?? 'adding');
    if (known !== undefined && !isLater) {
      rmSync(path, { force: true });
      return;
    }
    if (knownPath !== undefined) rmSync(knownPath, { force: true });
    this.#byKey.set(key, sandbox);
    this.#paths.set(key, path);
  }

  /** All sandboxes. */
  all(): readonly Sandbox[] {
    return [...this.#byKey.values()];
  }

  /** Sandboxes of one container: one for each interface. */
  ofContainer(containerId: string): readonly Sandbox[] {
    return this.all().filter(sandbox => sandbox.containerId === containerId);
  }

  get(containerId: string, ifname: string): Sandbox | undefined {
    return this.#byKey.get(keyOf(containerId, ifname));
  }

  put(sandbox: Sandbox): void {
    const key = keyOf(sandbox.containerId, sandbox.ifname);
    const path = `${this.#folder}/${key}${sandbox.state === 'ready' ? '' : `.${sandbox.state}`}.json`;
    const before = this.#paths.get(key);
    try {
      write(path, sandbox, before === path);
    } catch (error) {
      // A full disk must keep nobody from leaving: a name takes no room.
      if (sandbox.state !== 'leaving' || before === undefined) throw error;
      renameSync(before, path);
    }
    if (before !== undefined && before !== path) rmSync(before, { force: true });
    this.#byKey.set(key, sandbox);
    this.#paths.set(key, path);
  }

  delete(containerId: string, ifname: string): void {
    const key = keyOf(containerId, ifname);
    const path = this.#paths.get(key);
    if (path !== undefined) rmSync(path, { force: true });
    this.#paths.delete(key);
    this.#byKey.delete(key);
  }
}

/** What sandboxes have of addresses that came from blocks. */
export function holdingsOf(sandboxes: readonly Sandbox[]): readonly Holding[] {
  return sandboxes
    .filter(({ ips, madeBy }) => ips.length > 0 && madeBy === undefined)
    .map(({ network, pod, ips, ...sandbox }) => ({
      containerId: holderOf(sandbox),
      network,
      pod,
      ips: ips.map(mustIp),
    }));
}

/** Ports as a sandbox' file has them. */
export function portTexts(ports: readonly LocalPort[]): NonNullable<Sandbox['ports']> {
  return ports.map(({ hostIp, ...port }) => ({
    ...port,
    ...(hostIp === undefined ? {} : { hostIp: formatIp(hostIp) }),
  }));
}

/** The ports of the node that lead to a sandbox. */
export function portsOf({ ports = [] }: Sandbox): readonly LocalPort[] {
  return ports.map(({ hostIp, ...port }) => ({
    ...port,
    hostIp: hostIp === undefined ? undefined : mustIp(hostIp),
  }));
}

/**
 * Whole, or nothing of it. What would be written over goes under another name until it is whole; a new name harms nobody
 * while it is half written: killed then, what can't be read is as good as not there.
 */
function write(path: string, sandbox: Sandbox, over: boolean): void {
  const place = over ? `${path}.new` : path;
  try {
    writeFileSync(place, JSON.stringify(sandbox), { mode: 0o600 });
    if (over) renameSync(place, path);
  } catch (error) {
    rmSync(place, { force: true });
    throw error;
  }
}

/** Both parts passed CNI's rules for characters, which leave out the colon, so they make a safe and unique file name. */
function keyOf(containerId: string, ifname: string): string {
  return `${containerId}:${ifname}`;
}

function readSandbox(path: string): Sandbox | undefined {
  try {
    const written = JSON.parse(readFileSync(path, 'utf8')) as Partial<Sandbox>;
    // Where the disk was full the name alone says it.
    const value = path.endsWith('.leaving.json') ? { ...written, state: 'leaving' as const } : written;
    const { containerId, ifname, network, hostInterface, pod, ips, state } = value;
    const named = containerId && ifname && network && hostInterface && pod?.namespace && pod.name;
    const whole =
      named && Array.isArray(ips) && (state === 'ready' || state === 'adding' || state === 'leaving');
    return whole ? (value as Sandbox) : undefined;
  } catch {
    return undefined;
  }
}
