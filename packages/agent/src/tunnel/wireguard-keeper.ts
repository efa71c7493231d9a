import { generateKeyPairSync } from 'node:crypto';
import { type NodeTunnels, TUNNEL_ANNOTATIONS } from '@muslin/api';
import {
  type ActualWireguard,
  type OverlayInput,
  planWireguard,
  type WireguardOp,
  wireguardOf,
} from '@muslin/dataplane';
import { type AnyObject, type KubeClient, RESOURCES } from '@muslin/kube';
import type { Family, Result } from '@muslin/net';
import type { Logger } from 'pino';

/** The kernel's part. */
export interface WireguardHands {
  read(family: Family): Promise<Result<ActualWireguard, { readonly message: string }>>;
  apply(ops: readonly WireguardOp[]): Promise<Result<void, { readonly message: string }>>;
}

/** What keeping WireGuard takes. */
export interface WireguardKeeperOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  readonly kernel: WireguardHands;
  readonly log: Pick<Logger, 'error' | 'info'>;
  /** Private key in base64. */
  readonly newKey?: () => string;
}

const FAMILIES: readonly Family[] = [4, 6];

/**
 * Holds WireGuard to what is configured, and tells this node's public key on its Node (Calico's annotation). The private key
 * is made here, given to the kernel, and kept nowhere else: it lives as long as the device.
 */
export class WireguardKeeper {
  readonly #options: WireguardKeeperOptions;
  #faults: readonly string[] = [];
  #peers: Partial<Record<Family, number>> = {};
  #used = false;
  #next: OverlayInput | undefined;
  #busy = false;

  constructor(options: WireguardKeeperOptions) {
    this.#options = options;
  }

  /** Whether packets to pods of others should be encrypted, as far as somebody asked for it. */
  static isAsked({ settings }: Pick<OverlayInput, 'settings'>): boolean {
    return FAMILIES.some(family => settings.wireguard.enabled[family]);
  }

  /** For people: how many other nodes are reached encrypted, and what is wrong. Undefined: nobody asked. */
  get status(): object | undefined {
    return this.#used ? { peers: this.#peers, faults: this.#faults } : undefined;
  }

  /** Brings about what follows from this; while it works, the last of several questions is the next. */
  look(input: OverlayInput): void {
    // A device that an earlier life of this program left is looked for once.
    if (!WireguardKeeper.isAsked(input) && !this.#used && this.#next === NOTHING_LEFT) return;
    this.#next = input;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    let input = this.#next;
    while (input !== undefined && input !== NOTHING_LEFT) {
      this.#next = undefined;
      await this.#bring(input);
      const done: OverlayInput = input;
      input = this.#next;
      if (input === undefined && !WireguardKeeper.isAsked(done)) {
        this.#used = false;
        this.#next = NOTHING_LEFT;
      }
    }
    this.#busy = false;
  }

  async #bring(input: OverlayInput): Promise<void> {
    const faults: string[] = [];
    this.#used = WireguardKeeper.isAsked(input);
    for (const family of FAMILIES) {
      const fault = await this.#bringFamily(input, family);
      if (fault !== undefined) faults.push(`WireGuard over IPv${family}: ${fault}`);
    }
    for (const fault of faults)
      if (!this.#faults.includes(fault))
        this.#options.log.error({ fault }, 'packets to pods of other nodes are not encrypted');
    this.#faults = faults;
  }

  async #bringFamily(input: OverlayInput, family: Family): Promise<string | undefined> {
    const { kernel, newKey = newPrivateKey } = this.#options;
    const wanted = wireguardOf(input, family);
    const read = await kernel.read(family);
    if (!read.ok) return wanted === undefined ? undefined : read.fault.message;
    const ops = planWireguard(wanted, read.value, family, newKey());
    const done = await kernel.apply(ops);
    if (!done.ok) return done.fault.message;
    if (wanted === undefined) delete this.#peers[family];
    else this.#peers[family] = wanted.peers.length;
    const now = ops.length === 0 ? read : await kernel.read(family);
    if (!now.ok) return now.fault.message;
    const untold = await this.#tell(input, family, now.value.device?.publicKey);
    return untold ?? wanted?.rivals[0];
  }

  /** Others must know the key; one that nobody answers for must go, but not before the address that it stands with. */
  async #tell(input: OverlayInput, family: Family, key: string | undefined): Promise<string | undefined> {
    const told = endOf(input.nodes.get(this.#options.node)?.tunnels, family);
    if (told?.publicKey === key || (key === undefined && told?.ip !== undefined)) return undefined;
    const { client, node } = this.#options;
    const body = {
      metadata: { annotations: { [TUNNEL_ANNOTATIONS[`wireguardKey${family}`]]: key ?? null } },
    };
    const patched = await client.patch<AnyObject>(RESOURCES.Node, { name: node }, { type: 'merge', body });
    return patched.ok ? undefined : `its key can't be told on the Node: ${patched.fault.message}`;
  }
}

/** Stands for: nothing is wanted, and nothing was left. */
const NOTHING_LEFT = {} as OverlayInput;

const endOf = (tunnels: NodeTunnels | undefined, family: Family) =>
  family === 4 ? tunnels?.wireguard4 : tunnels?.wireguard6;

/** A private key of Curve25519 (RFC 7748 §5), base64. */
export function newPrivateKey(): string {
  const { d = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return Buffer.from(d, 'base64url').toString('base64');
}
