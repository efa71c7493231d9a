import type { Snapshot } from '@muslin/api';
import {
  type Allocation,
  allocate,
  type AllocationRequest,
  drive,
  type IpamConfig,
  type IpamFault,
  namesNone,
  podHandleId,
  releaseHandles,
} from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient } from '@muslin/kube';
import {
  fail,
  type Family,
  formatPrefix,
  type Ip,
  ok,
  type Prefix,
  prefix,
  type Result,
  widthOf,
} from '@muslin/net';
import type { AddressBook, AddressFault, AddressRequest } from '../address-book.ts';
import type { AddressLedger, Deed } from './address-ledger.ts';
import { BlocksAhead } from './blocks-ahead.ts';
import { KeptAddresses } from './kept-addresses.ts';
import { type Holding, LostBlocks } from './lost-blocks.ts';
import { PendingReleases } from './pending-releases.ts';
import { readWishes } from './pod-wishes.ts';

/** What giving addresses takes. */
export interface ClusterAddressesOptions {
  readonly client: KubeClient;
  readonly node: string;
  readonly stateDir: string;
  /** The cluster as watches show it. */
  readonly snapshot: () => Snapshot;
  readonly config: () => IpamConfig;
  /** Prefixes of all IPReservations. */
  readonly reservations: () => readonly Prefix[];
  readonly namespaceAnnotations: (namespace: string) => Readonly<Record<string, string>>;
  /** What the pods of this node have, whatever blocks say. */
  readonly holdings: () => readonly Holding[];
  /** How many addresses of each of the node's blocks to keep in hand. */
  readonly keep: number;
  /** A pod waits, and what is in hand is reserved: gives up some of it. Whether there was any. */
  readonly onShort?: () => boolean;
  /** More may be in hand. */
  readonly onHand?: () => void;
  /** What was expected is in hand now. */
  readonly onExpected?: () => void;
  readonly ledger: AddressLedger;
  readonly log: (line: string) => void;
}

/** The cluster's address book, and what it wants to be told. */
export interface ClusterAddresses extends AddressBook {
  /** The watch showed an IPAMBlock. */
  sawBlock(object: AnyObject, gone: boolean): void;
  /** The watches have shown all blocks that there are. */
  sawAllBlocks(blocks: Iterable<AnyObject>): void;
  /** Kept addresses that nobody has, reserved ones among them. */
  readonly inHand: number;
  /** So many pods are on their way and have nothing reserved: the next write keeps as many more. */
  expect(pods: number): void;
  stop(): void;
}

const RETRY_MS = 2_000;
/** What is given out within this time is written down in one go: pods come in flocks. */
const GATHER_MS = 100;
/** The same, where the hand is nearly empty: soon somebody will wait for it. */
const GATHER_LESS_MS = 5;

/** Addresses from the cluster's blocks. One allocation of this node at a time: they would only fight for one block. */
export function clusterAddresses(options: ClusterAddressesOptions): ClusterAddresses {
  const store = ipamStore(options.client);
  const { ledger } = options;
  const kept = new KeptAddresses({
    ...{ ...options, store, reservations: () => notToGive(options) },
    onLost: ({ ip, handleId, owner }, why) =>
      ledger.record({ what: 'lost', ips: [ip], handleId, ...(owner.type === 'pod' && { pod: owner }), why }),
  });
  /** Who had what, until it is given back: for the ledger alone. */
  const holders = new Map<string, Pick<Deed, 'pod' | 'ips'>>();
  const gave = (handleId: string, pod: AddressRequest['pod'], ips: readonly Ip[], why: string) => {
    holders.set(handleId, { pod, ips });
    ledger.record({ what: 'assigned', ips, handleId, pod, why });
  };
  const gaveBack = (handleId: string, why: string) => {
    const { ips = [], ...pod } = holders.get(handleId) ?? {};
    holders.delete(handleId);
    ledger.record({ what: 'released', ips, handleId, ...pod, why });
  };
  const lost = new LostBlocks({
    ...{ ...options, store },
    pools: () => options.snapshot().pools.values(),
    isMember: () => options.snapshot().nodes.has(options.node),
    strictAffinity: () => options.config().strictAffinity,
    onBack: holdings => {
      for (const { containerId, network, pod, ips } of holdings) {
        const handleId = podHandleId(network, containerId);
        kept.recall(handleId, { type: 'pod', ...pod }, ips);
        gave(handleId, pod, ips, 'it had it all the time: the block was deleted, and claimed again');
      }
    },
  });
  const ahead = new BlocksAhead({
    ...{ ...options, store, reservations: () => notToGive(options) },
    member: () => {
      const { nodes } = options.snapshot();
      const labels = nodes.get(options.node)?.labels;
      return labels === undefined ? undefined : { name: options.node, labels };
    },
    pools: () => [...options.snapshot().pools.values()],
    free: within => kept.free(within),
    known: () => kept.blockNames,
    onClaimed: object => kept.saw(object, false),
    now: () => performance.now(),
  });
  const pending = new PendingReleases(`${options.stateDir}/releases`);
  /** Pods that wait for any address. */
  let waiting = 0;
  /** Pods on their way that nothing could be reserved for. */
  let expected = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };
  /** Gets into the hand what pods on their way, and those who wait, will want. Whether there was something to do. */
  const expecting = async (): Promise<boolean> => {
    if (expected === 0) return false;
    await ahead.look(expected + waiting);
    await kept.fill(waiting + expected);
    expected = 0;
    return true;
  };
  /** Tells the cluster what was given out, then gives back what was promised back: each block is written once. */
  const tell = () =>
    inTurn(async () => {
      const away = await lost.restore();
      if (away !== undefined) return away;
      // Who is on the way has little time; what was given out can wait.
      if (await expecting()) options.onExpected?.();
      const untold = await kept.settle();
      if (untold?.code === 'store') return untold;
      const short = await ahead.look(0);
      if (short?.code === 'store') return short;
      options.onHand?.();
      // An ADD of the same container may have taken a promise back meanwhile.
      const handles = pending.all();
      if (handles.length === 0) return untold;
      for (const handleId of handles) kept.forget(handleId);
      const { cooldownMs } = options.config();
      const giveBack = async (some: readonly string[]) => {
        const done = await drive(releaseHandles(some, { now: Date.now(), cooldownMs }), store);
        if (!done.ok) return done.fault;
        for (const handleId of some) {
          pending.delete(handleId);
          gaveBack(handleId, 'its sandbox is gone, and the cluster was told');
        }
        return undefined;
      };
      let fault = await giveBack(handles);
      // One that can't be released must not hold up the others.
      if (fault !== undefined && fault.code !== 'store')
        for (const handleId of handles) fault = (await giveBack([handleId])) ?? fault;
      return fault ?? untold;
    });
  let gathering: { readonly timer: NodeJS.Timeout; readonly until: number } | undefined;
  let stopped = false;
  let told = '';
  const isDue = () => kept.isDue || !pending.isEmpty || lost.isDue || expected > 0 || ahead.isDue;
  const isShort = () => (kept.inHand + kept.reserved) * 2 < options.keep;
  const tellSoon = (mostMs = GATHER_MS) => {
    const waits = gathering === undefined ? Number.POSITIVE_INFINITY : gathering.until - performance.now();
    // Whoever can wait no less than what is under way already waits for that.
    if (waits <= mostMs || stopped || !isDue()) return;
    const waitMs = Math.min(mostMs, isShort() ? GATHER_LESS_MS : GATHER_MS);
    if (waits <= waitMs) return;
    clearTimeout(gathering?.timer);
    const timer = setTimeout(() => {
      gathering = undefined;
      void tell().then(fault => {
        // What others changed is shown by the watch; an API server that is away is asked again later.
        if (fault === undefined) tellSoon();
        else if (fault.message !== told)
          options.log(`the cluster is told of addresses later: ${fault.message}`);
        told = fault?.message ?? '';
      });
    }, waitMs);
    gathering = { timer, until: performance.now() + waitMs };
  };
  const retry = setInterval(() => tellSoon(0), RETRY_MS);
  retry.unref();
  return {
    get inHand() {
      return kept.inHand + kept.reserved;
    },
    stop() {
      stopped = true;
      clearInterval(retry);
      clearTimeout(gathering?.timer);
    },
    sawBlock(object, gone) {
      kept.saw(object, gone);
      lost.saw(object, gone);
      options.onHand?.();
      tellSoon();
    },
    sawAllBlocks(blocks) {
      lost.compare(blocks);
      ahead.poke();
      tellSoon();
    },
    take(request) {
      const made = requestOf(request, options);
      // An earlier life of this sandbox that waits to be released goes first.
      if (!made.ok || pending.has(made.value.handleId)) return undefined;
      const { promised } = request;
      let ips = kept.take(made.value, promised);
      // Who is there goes before who is on the way.
      while (ips === undefined && kept.isShort(made.value) && options.onShort?.())
        ips = kept.take(made.value, promised);
      if (ips === undefined) return undefined;
      gave(made.value.handleId, request.pod, ips, HAND);
      ahead.poke();
      tellSoon();
      return ips;
    },
    reserve(request) {
      const made = requestOf({ ...request, containerId: '', network: '' }, options);
      return made.ok ? kept.reserve(made.value) : undefined;
    },
    letGo: ips => kept.letGo(ips),
    expect(pods) {
      expected = pods;
      tellSoon(GATHER_LESS_MS);
    },
    recall({ containerId, network, pod }, ips) {
      const handleId = podHandleId(network, containerId);
      holders.set(handleId, { pod, ips });
      kept.recall(handleId, { type: 'pod', ...pod }, ips);
    },
    async assign(request): Promise<Result<readonly Ip[], AddressFault>> {
      const made = requestOf(request, options);
      if (!made.ok) {
        const handleId = podHandleId(request.network, request.containerId);
        ledger.record({ what: 'refused', ips: [], handleId, pod: request.pod, why: made.fault });
        return fail({ code: 'no-address', message: made.fault });
      }
      const { handleId } = made.value;
      const { ips: wishes = [] } = made.value;
      const waits = wishes.length === 0 ? 1 : 0;
      waiting += waits;
      const done = await inTurn(async () => {
        // An earlier life of this sandbox may still wait to be released: that must not hit the new one.
        pending.delete(made.value.handleId);
        // One write fills the hand for all who wait.
        let ips = kept.take(made.value, request.promised);
        if (ips === undefined && wishes.length === 0) {
          if (!kept.hasRoom(made.value)) await ahead.look(waiting + expected);
          if (kept.hasRoom(made.value)) await kept.fill(waiting + expected);
          expected = 0;
          ips = kept.take(made.value);
        }
        if (ips !== undefined) return ok({ ips, why: HAND });
        const allocated = await drive(allocate(made.value), store);
        return allocated.ok ? ok(explained(allocated.value)) : allocated;
      }).finally(() => {
        waiting -= waits;
      });
      tellSoon();
      if (done.ok) {
        ahead.poke();
        gave(handleId, request.pod, done.value.ips, done.value.why);
        return ok(done.value.ips);
      }
      const fault = addressFault(done.fault);
      ledger.record({ what: 'refused', ips: [], handleId, pod: request.pod, why: fault.message });
      return fail(fault);
    },
    release(containerId, network) {
      const handleId = podHandleId(network, containerId);
      if (kept.takeBack(handleId)) {
        gaveBack(handleId, 'its sandbox is gone before the cluster was told');
        return Promise.resolve();
      }
      const promised = pending.add(handleId);
      tellSoon();
      return promised;
    },
    freed: () => Promise.resolve(undefined),
    ask: () => Promise.resolve(undefined),
    releaseLater(containerId, network) {
      return pending.add(podHandleId(network, containerId));
    },
  };
}

const HAND = 'kept in hand by this node';

/** The addresses, and by which way each was found. */
function explained({ addresses }: Allocation): { readonly ips: readonly Ip[]; readonly why: string } {
  const ways = addresses.map(
    ({ block, pool = 'a pool that is gone', how }) => `${how} ${formatPrefix(block)} of ${pool}`,
  );
  return { ips: addresses.map(({ ip }) => ip), why: ways.join('; ') };
}

function requestOf(
  request: AddressRequest,
  options: ClusterAddressesOptions,
): Result<AllocationRequest, string> {
  const snapshot = options.snapshot();
  const { pod, containerId, network, pools: named = {}, without = [] } = request;
  const object = request.object as AnyObject;
  const namespace = snapshot.namespaces.get(pod.namespace);
  const wishes = readWishes(
    object.metadata.annotations ?? {},
    options.namespaceAnnotations(pod.namespace),
    named,
  );
  if (!wishes.ok) return wishes;
  const pools = [...snapshot.pools.values()];
  const usable = pools.filter(pool => !pool.disabled && pool.allowedUses.has('Workload'));
  const families = ([4, 6] as Family[]).filter(
    family => !without.includes(family) && usable.some(pool => pool.cidr.ip.family === family),
  );
  const { poolNames } = wishes.value;
  if (families.length === 0)
    return fail('no enabled IPPool for workloads exists: create one (kind IPPool, projectcalico.org/v3)');
  return ok({
    handleId: podHandleId(network, containerId),
    owner: { type: 'pod', ...pod },
    node: { name: options.node, labels: snapshot.nodes.get(options.node)?.labels ?? new Map() },
    namespace: namespace === undefined ? undefined : { labels: namespace.labels },
    families,
    ...(wishes.value.ips.length === 0 ? {} : { ips: wishes.value.ips }),
    ...(namesNone(poolNames) ? {} : { poolNames }),
    use: 'Workload',
    pools,
    reservations: notToGive(options, containerId),
    config: options.config(),
    now: Date.now(),
  });
}

/** Reserved, or with another pod of this node: that counts even where a block says that nobody has it. */
function notToGive(
  { reservations, holdings }: ClusterAddressesOptions,
  containerId?: string,
): readonly Prefix[] {
  const others = holdings().filter(holding => holding.containerId !== containerId);
  const ips = others.flatMap(holding => holding.ips);
  return [...reservations(), ...ips.map(ip => prefix(ip, widthOf(ip.family)))];
}

/** Which refusals may pass by themselves: a store that is away, and others in the way. */
function addressFault(fault: IpamFault): AddressFault {
  const passing = fault.code === 'store' || fault.code === 'gave-up';
  const tried = fault.tried.map(reason => `${reason.at}: ${reason.why}`).join('; ');
  return {
    code: passing ? 'retry' : 'no-address',
    message: tried === '' ? fault.message : `${fault.message} (${tried})`,
  };
}
