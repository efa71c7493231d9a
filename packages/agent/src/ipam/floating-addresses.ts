import type { EndpointKey } from '@muslin/api';
import {
  addressesOf,
  type AllocationRequest,
  allocate,
  blockFromSpec,
  drive,
  type IpamConfig,
  type IpamFault,
  releaseHandles,
} from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, type Note } from '@muslin/kube';
import { formatIp, type Ip, type Prefix, prefixHas } from '@muslin/net';
import type { AgentCore } from '../core/agent-core.ts';
import type { LocalEndpoint } from '../core/local-endpoint.ts';
import type { PodCache } from '../pod/pod-cache.ts';
import type { AddressLedger } from './address-ledger.ts';
import { FLOATING_IPS, type Floating, floatingIn, floatingWishes } from './floating-wishes.ts';

/** What floating addresses take. */
export interface FloatingAddressesOptions {
  readonly client: KubeClient;
  readonly node: string;
  readonly core: AgentCore;
  readonly pods: PodCache;
  /** Whether FelixConfigurations allow them. */
  readonly enabled: () => boolean;
  readonly config: () => IpamConfig;
  readonly reservations: () => readonly Prefix[];
  /** IPAMBlocks as the watch shows them. */
  readonly blocks: () => Iterable<AnyObject>;
  /** Resolves when all that the core knows is in the kernel. */
  readonly enforce: () => Promise<void>;
  readonly ledger: AddressLedger;
  readonly tell: (note: Note) => void;
  readonly log: (line: string) => void;
}

/** News of pods come in flocks. */
const GATHER_MS = 50;
/** What another pod has, it may have given back. */
const RETRY_MS = 5_000;

/**
 * Addresses of the annotation `cni.projectcalico.org/floatingIPs`: each is assigned to one pod at a time in IPAM's blocks, so
 * the API server decides who has it, nobody else gets it, and tunnels and BGP lead it to the pod's node like any borrowed
 * address. It leads to the pod only afterwards, and is given back only when nothing leads there any more.
 */
export class FloatingAddresses {
  readonly #options: FloatingAddressesOptions;
  readonly #store: ReturnType<typeof ipamStore>;
  #held: Map<string, Floating> | undefined;
  #refused: ReadonlyMap<string, string> = new Map();
  /** Claims that were refused, and when to try again at the latest. */
  readonly #waiting = new Map<string, { handleId: string; ip: Ip; until: number; why: string }>();
  #led = '';
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: FloatingAddressesOptions) {
    this.#options = options;
    this.#store = ipamStore(options.client);
  }

  /** Begins, once the view of the cluster is complete. */
  start(): void {
    this.#held = new Map(
      floatingIn(this.#options.blocks(), this.#options.node).map(each => [each.handleId, each]),
    );
    // What led to pods before the restart goes on from the first round of rules on, if it still may.
    this.#lead(this.#wanted().wanted);
    this.#retry = setInterval(() => this.poke(), RETRY_MS);
    this.#retry.unref();
    this.poke();
  }

  /** Pods, their interfaces or settings may have changed. */
  poke(): void {
    if (this.#held === undefined || this.#stopped) return;
    if (this.#round !== undefined) this.#again = true;
    else this.#timer ??= setTimeout(() => this.#go(), GATHER_MS);
  }

  /** The watch showed an IPAMBlock: somebody may have given back what was refused. */
  sawBlock(object: AnyObject): void {
    if (this.#waiting.size === 0) return;
    const block = blockFromSpec(object['spec']);
    if (!block.ok) return;
    const { cidr, deleted } = block.value;
    const taken = deleted ? [] : addressesOf(block.value).map(({ ip }) => formatIp(ip));
    const freed = [...this.#waiting.values()].filter(
      ({ ip }) => prefixHas(cidr, ip) && !taken.includes(formatIp(ip)),
    );
    for (const { handleId } of freed) this.#waiting.delete(handleId);
    if (freed.length > 0) this.poke();
  }

  /** For people: what leads where, and what does not, and why. */
  get status(): object {
    const held = [...(this.#held?.values() ?? [])];
    return {
      held: Object.fromEntries(held.map(({ ip, key }) => [formatIp(ip), key])),
      refused: Object.fromEntries(this.#refused),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#retry);
    await this.#round;
  }

  #go(): void {
    this.#timer = undefined;
    this.#round = this.#reconcile()
      .catch((error: Error) => this.#options.log(`floating addresses: ${error.message}`))
      .then(() => {
        this.#round = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.poke();
      });
  }

  #wanted(): { readonly wanted: readonly Floating[]; readonly refused: ReadonlyMap<string, string> } {
    const { core, pods, enabled } = this.#options;
    const all = [...core.locals].map(([key, locals]) => wishesOf(key, locals, pods));
    const wanted = all.flatMap(wishes => wishes.wanted);
    const refused = new Map(
      all.flatMap(({ key, refused }) => refused.map(({ text, why }) => [`${key} ${text}`, why] as const)),
    );
    if (enabled()) return { wanted, refused };
    for (const { key, ip } of wanted)
      refused.set(`${key} ${formatIp(ip)}`, 'floatingIPs of the FelixConfiguration is not Enabled');
    return { wanted: [], refused };
  }

  async #reconcile(): Promise<void> {
    const held = this.#held ?? new Map<string, Floating>();
    const { wanted, refused } = this.#wanted();
    const handles = new Set(wanted.map(({ handleId }) => handleId));
    const left = [...held.values()].filter(({ handleId }) => !handles.has(handleId));
    if (left.length > 0) await this.#giveBack(left, held, wanted);
    const now = new Map(refused);
    for (const each of wanted) {
      if (held.has(each.handleId) || this.#stopped) continue;
      const why = await this.#claimInTime(each);
      if (why === undefined) held.set(each.handleId, each);
      else now.set(`${each.key} ${formatIp(each.ip)}`, why);
    }
    for (const handleId of this.#waiting.keys()) if (!handles.has(handleId)) this.#waiting.delete(handleId);
    this.#complain(now);
    if (this.#lead(wanted)) await this.#options.enforce();
  }

  /** Leads what is held and wanted to its pods; whether that is news. */
  #lead(wanted: readonly Floating[]): boolean {
    const addresses = wanted
      .filter(({ handleId }) => this.#held?.has(handleId))
      .map(({ key, ip }) => ({ key, ip }));
    this.#options.core.tell({ type: 'floating', addresses });
    const led = addresses.map(({ key, ip }) => `${key} ${formatIp(ip)}`).join();
    const isNews = led !== this.#led;
    this.#led = led;
    return isNews;
  }

  async #giveBack(
    left: readonly Floating[],
    held: Map<string, Floating>,
    wanted: readonly Floating[],
  ): Promise<void> {
    const { enforce, config, ledger, log } = this.#options;
    this.#lead(wanted);
    await enforce();
    const handleIds = left.map(({ handleId }) => handleId);
    const { cooldownMs } = config();
    const done = await drive(releaseHandles(handleIds, { now: Date.now(), cooldownMs }), this.#store);
    if (!done.ok) return log(`floating addresses are given back later: ${done.fault.message}`);
    for (const { handleId, ip, pod } of left) {
      held.delete(handleId);
      const why = 'its pod is gone from here, or asks for it no more';
      ledger.record({ what: 'released', ips: [ip], handleId, pod, why });
    }
  }

  /** The same, and what was refused a moment ago is not asked for again. */
  async #claimInTime(floating: Floating): Promise<string | undefined> {
    const { handleId, ip } = floating;
    const waiting = this.#waiting.get(handleId);
    if (waiting !== undefined && waiting.until > Date.now()) return waiting.why;
    this.#waiting.delete(handleId);
    const why = await this.#claim(floating);
    if (why !== undefined) this.#waiting.set(handleId, { handleId, ip, until: Date.now() + RETRY_MS, why });
    return why;
  }

  /** Why not; undefined when the address is the pod's. */
  async #claim({ handleId, ip, pod }: Floating): Promise<string | undefined> {
    const { core, node, config, reservations, ledger } = this.#options;
    const { snapshot } = core;
    const request: AllocationRequest = {
      ...{ handleId, owner: { type: 'pod', ...pod, floating: true }, use: 'Workload' },
      node: { name: node, labels: snapshot.nodes.get(node)?.labels ?? new Map() },
      namespace: snapshot.namespaces.get(pod.namespace),
      ...{ families: [], ips: [ip], pools: [...snapshot.pools.values()] },
      ...{ reservations: reservations(), config: config(), now: Date.now() },
    };
    const done = await drive(allocate(request), this.#store);
    if (!done.ok) return whyNot(done.fault);
    ledger.record({ what: 'assigned', ips: [ip], handleId, pod, why: `asked for by ${FLOATING_IPS}` });
    return undefined;
  }

  /** Each reason is told once. */
  #complain(refused: ReadonlyMap<string, string>): void {
    const { core, log, tell } = this.#options;
    for (const [place, why] of refused) {
      if (this.#refused.get(place) === why) continue;
      const [key = '', text = ''] = place.split(' ');
      const [, namespace = '', name = ''] = key.split('/');
      const message = `annotation ${FLOATING_IPS}: ${text === '' ? '' : `${text} does not lead here: `}${why}`;
      log(`pod ${namespace}/${name}: ${message}`);
      const uid = core.locals.get(key)?.[0]?.uid;
      const about = { apiVersion: 'v1', kind: 'Pod', namespace, name, ...(uid !== undefined && { uid }) };
      tell({ about, type: 'Warning', reason: 'FloatingIPRefused', message });
    }
    this.#refused = refused;
  }
}

function wishesOf(key: EndpointKey, locals: readonly LocalEndpoint[], pods: PodCache) {
  const [, namespace = '', name = ''] = key.split('/');
  const object = pods.get({ namespace, name, uid: undefined });
  const [first] = locals;
  if (object === undefined || first === undefined) return { key, wanted: [], refused: [] };
  return {
    key,
    ...floatingWishes(key, { uid: first.uid, ips: locals.flatMap(local => local.ips) }, object),
  };
}

/** People know pods, not handles. */
function whyNot(fault: IpamFault): string {
  const { namespace, pod, node } = fault.code === 'taken' ? fault.heldBy.secondary : {};
  if (pod === undefined) return fault.message;
  return `pod ${namespace}/${pod} on ${node} has it; it comes here when that pod is gone or asks for it no more`;
}
