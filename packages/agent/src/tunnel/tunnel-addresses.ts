import { type NodeTunnels, type Pool, type Snapshot, TUNNEL_ANNOTATIONS } from '@muslin/api';
import {
  type Encapsulation,
  encapsulationOf,
  neededTunnels,
  type TunnelSettings,
  vtepMac,
} from '@muslin/dataplane';
import { allocate, drive, type IpamConfig, releaseHandles, tunnelHandleId } from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, RESOURCES } from '@muslin/kube';
import { fail, type Family, formatIp, type Ip, ok, type Prefix, type Result } from '@muslin/net';

/** What giving a node's tunnels their addresses takes. */
export interface TunnelAddressesOptions {
  readonly client: KubeClient;
  readonly node: string;
  readonly snapshot: () => Snapshot;
  readonly config: () => IpamConfig;
  readonly reservations: () => readonly Prefix[];
}

/** One end of a tunnel that takes an address, and where the Node says so. */
interface End {
  readonly tunnel:
    | 'vxlanTunnelAddress'
    | 'vxlanV6TunnelAddress'
    | 'ipipTunnelAddress'
    | 'wireguardTunnelAddress'
    | 'wireguardV6TunnelAddress';
  readonly family: Family;
  readonly encapsulation: Encapsulation | 'wireguard';
  readonly told: (tunnels: NodeTunnels) => Ip | undefined;
  /** null takes an annotation away. */
  readonly annotations: (node: string, ip: Ip | undefined) => Readonly<Record<string, string | null>>;
}

const vxlanEnd = (family: Family): End => ({
  tunnel: family === 4 ? 'vxlanTunnelAddress' : 'vxlanV6TunnelAddress',
  family,
  encapsulation: 'vxlan',
  told: tunnels => tunnels[`vxlan${family}`]?.ip,
  annotations: (node, ip) => ({
    [TUNNEL_ANNOTATIONS[`vxlan${family}`]]: ip === undefined ? null : formatIp(ip),
    [TUNNEL_ANNOTATIONS[`vxlanMac${family}`]]: ip === undefined ? null : vtepMac(node, family),
  }),
});

const wireguardEnd = (family: Family): End => ({
  tunnel: family === 4 ? 'wireguardTunnelAddress' : 'wireguardV6TunnelAddress',
  family,
  encapsulation: 'wireguard',
  told: tunnels => tunnels[`wireguard${family}`]?.ip,
  annotations: (_, ip) => ({
    [TUNNEL_ANNOTATIONS[`wireguard${family}`]]: ip === undefined ? null : formatIp(ip),
  }),
});

const ENDS: readonly End[] = [
  wireguardEnd(4),
  wireguardEnd(6),
  vxlanEnd(4),
  vxlanEnd(6),
  {
    tunnel: 'ipipTunnelAddress',
    family: 4,
    encapsulation: 'ipip',
    told: tunnels => tunnels.ipip,
    annotations: (_, ip) => ({ [TUNNEL_ANNOTATIONS.ipip]: ip === undefined ? null : formatIp(ip) }),
  },
];

/**
 * Brings the addresses of a node's tunnels, and what its Node tells of them, to what pools ask for. IPAM is asked each time:
 * the handle names the address, so a repeat gives the same one, and a lost annotation is written again.
 */
export class TunnelAddresses {
  readonly #options: TunnelAddressesOptions;
  /** What was asked of IPAM and answered, as text by end: not asked again until it changes. */
  readonly #settled = new Map<End, string>();

  constructor(options: TunnelAddressesOptions) {
    this.#options = options;
  }

  /** Whether there is something to do; cheap. */
  isDue(settings: TunnelSettings): boolean {
    return ENDS.some(end => this.#settled.get(end) !== this.#aim(end, settings));
  }

  /** One sentence for each end that could not be brought about; none when all is well. */
  async settle(settings: TunnelSettings): Promise<readonly string[]> {
    const faults: string[] = [];
    for (const end of ENDS) {
      const aim = this.#aim(end, settings);
      if (this.#settled.get(end) === aim) continue;
      const done = await this.#bring(end, this.#isNeeded(end, settings));
      if (done.ok) this.#settled.set(end, this.#aim(end, settings, done.value));
      else faults.push(`${end.tunnel}: ${done.fault}`);
    }
    return faults;
  }

  #pools(): readonly Pool[] {
    return [...this.#options.snapshot().pools.values()];
  }

  /** WireGuard's comes after its key: a kernel without WireGuard has no use for an address. */
  #isNeeded(end: End, settings: TunnelSettings): boolean {
    if (end.encapsulation !== 'wireguard') return isNeeded(end, this.#pools(), settings);
    const { tunnels } = this.#options.snapshot().nodes.get(this.#options.node) ?? {};
    return settings.wireguard.enabled[end.family] && tunnels?.[`wireguard${end.family}`] !== undefined;
  }

  #told(end: End): Ip | undefined {
    const { tunnels } = this.#options.snapshot().nodes.get(this.#options.node) ?? {};
    return tunnels === undefined ? undefined : end.told(tunnels);
  }

  /** What the answer depends on: the pools that may be used, and what the Node tells. */
  #aim(end: End, settings: TunnelSettings, told = this.#told(end)): string {
    if (!this.#isNeeded(end, settings)) return told === undefined ? 'none' : `not ${formatIp(told)}`;
    const usable = poolsFor(end, this.#pools()).map(pool => `${pool.name} ${pool.disabled}`);
    return `${told === undefined ? '' : formatIp(told)} of ${usable.toSorted().join()}`;
  }

  async #bring(end: End, needed: boolean): Promise<Result<Ip | undefined, string>> {
    const { node } = this.#options;
    const store = ipamStore(this.#options.client);
    const handleId = tunnelHandleId(end.tunnel, node);
    if (!needed) {
      if (this.#told(end) === undefined) return ok(undefined);
      // Nobody may send to an address that somebody else has by now: the Node is told first.
      const told = await this.#tell(end, undefined);
      if (!told.ok) return told;
      const { cooldownMs } = this.#options.config();
      const freed = await drive(releaseHandles([handleId], { now: Date.now(), cooldownMs }), store);
      return freed.ok ? ok(undefined) : fail(freed.fault.message);
    }
    const allocated = await drive(allocate(this.#request(end, handleId)), store);
    if (!allocated.ok) {
      const tried = allocated.fault.tried.map(reason => `${reason.at}: ${reason.why}`).join('; ');
      return fail(tried === '' ? allocated.fault.message : `${allocated.fault.message} (${tried})`);
    }
    const ip = allocated.value.addresses[0]?.ip;
    if (ip === undefined) return fail('IPAM gave no address');
    return this.#tell(end, ip);
  }

  #request(end: End, handleId: string): Parameters<typeof allocate>[0] {
    const { node, snapshot, config, reservations } = this.#options;
    return {
      ...{ handleId, use: 'Tunnel', families: [end.family], namespace: undefined },
      owner: { type: 'tunnel', tunnel: end.tunnel },
      node: { name: node, labels: snapshot().nodes.get(node)?.labels ?? new Map() },
      pools: poolsFor(end, this.#pools()),
      ...{ reservations: reservations(), config: config(), now: Date.now() },
    };
  }

  async #tell(end: End, ip: Ip | undefined): Promise<Result<Ip | undefined, string>> {
    const { client, node } = this.#options;
    const body = { metadata: { annotations: end.annotations(node, ip) } };
    const patched = await client.patch<AnyObject>(RESOURCES.Node, { name: node }, { type: 'merge', body });
    return patched.ok ? ok(ip) : fail(patched.fault.message);
  }
}

function isNeeded(end: End, pools: readonly Pool[], settings: TunnelSettings): boolean {
  const needed = neededTunnels(pools, settings);
  return end.encapsulation === 'ipip' ? needed.ipip : needed.vxlan.includes(end.family);
}

/** A tunnel's address comes from a pool that it serves. */
function poolsFor(end: End, pools: readonly Pool[]): readonly Pool[] {
  return pools.filter(
    pool =>
      pool.cidr.ip.family === end.family &&
      (end.encapsulation === 'wireguard' || encapsulationOf(pool)?.by === end.encapsulation),
  );
}
