import type { Snapshot } from '@muslin/api';
import {
  allocate,
  type AllocationRequest,
  drive,
  type IpamConfig,
  type IpamFault,
  podHandleId,
  releaseByHandle,
} from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient } from '@muslin/kube';
import { fail, type Family, type Ip, ok, type Prefix, type Result } from '@muslin/net';
import type { AddressBook, AddressFault, AddressRequest } from '../address-book.ts';
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
  readonly log: (line: string) => void;
}

const RETRY_MS = 2_000;
/** How long a DEL waits for its addresses to be free. */
const RELEASE_WAIT_MS = 3_000;

/** Addresses from the cluster's blocks. One allocation of this node at a time: they would only fight for one block. */
export function clusterAddresses(options: ClusterAddressesOptions): AddressBook & { stop(): void } {
  const store = ipamStore(options.client);
  const pending = new PendingReleases(`${options.stateDir}/releases`);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };
  const attempt = (handleId: string) =>
    inTurn(async () => {
      // An ADD of the same container may have taken the promise back meanwhile.
      if (!pending.has(handleId)) return undefined;
      const { cooldownMs } = options.config();
      const done = await drive(releaseByHandle(handleId, { now: Date.now(), cooldownMs }), store);
      if (done.ok) pending.delete(handleId);
      return done.ok ? undefined : done.fault;
    });
  let retrying = false;
  const retryAll = async () => {
    if (retrying) return;
    retrying = true;
    for (const handleId of pending.all()) if ((await attempt(handleId))?.code === 'store') break;
    retrying = false;
  };
  const retry = setInterval(() => void retryAll(), RETRY_MS);
  retry.unref();
  return {
    stop: () => clearInterval(retry),
    async assign(request): Promise<Result<readonly Ip[], AddressFault>> {
      const made = requestOf(request, options);
      if (!made.ok) return fail({ code: 'no-address', message: made.fault });
      const done = await inTurn(() => {
        // An earlier life of this sandbox may still wait to be released: that must not hit the new one.
        pending.delete(made.value.handleId);
        return drive(allocate(made.value), store);
      });
      if (!done.ok) return fail(addressFault(done.fault));
      return ok(done.value.addresses.map(address => address.ip));
    },
    async release(containerId, network) {
      const handleId = podHandleId(network, containerId);
      pending.add(handleId);
      const late = Symbol('late');
      const { promise, resolve } = Promise.withResolvers<typeof late>();
      const timer = setTimeout(() => resolve(late), RELEASE_WAIT_MS);
      const fault = await Promise.race([attempt(handleId), promise]);
      clearTimeout(timer);
      if (fault === late) options.log(`release of ${handleId} goes on: the API server takes its time`);
      else if (fault !== undefined) options.log(`release of ${handleId} waits: ${fault.message}`);
    },
    releaseLater(containerId, network) {
      pending.add(podHandleId(network, containerId));
    },
  };
}

function requestOf(
  request: AddressRequest,
  options: ClusterAddressesOptions,
): Result<AllocationRequest, string> {
  const snapshot = options.snapshot();
  const { pod, containerId, network } = request;
  const object = request.object as AnyObject;
  const namespace = snapshot.namespaces.get(pod.namespace);
  const wishes = readWishes(object.metadata.annotations ?? {}, options.namespaceAnnotations(pod.namespace));
  if (!wishes.ok) return wishes;
  const pools = [...snapshot.pools.values()];
  const usable = pools.filter(pool => !pool.disabled && pool.allowedUses.has('Workload'));
  const families = ([4, 6] as Family[]).filter(family => usable.some(pool => pool.cidr.ip.family === family));
  if (families.length === 0)
    return fail('no enabled IPPool for workloads exists: create one (kind IPPool, projectcalico.org/v3)');
  return ok({
    handleId: podHandleId(network, containerId),
    owner: { type: 'pod', ...pod },
    node: { name: options.node, labels: snapshot.nodes.get(options.node)?.labels ?? new Map() },
    namespace: namespace === undefined ? undefined : { labels: namespace.labels },
    families,
    ...(wishes.value.ips.length === 0 ? {} : { ips: wishes.value.ips }),
    ...(wishes.value.poolNames.length === 0 ? {} : { poolNames: wishes.value.poolNames }),
    use: 'Workload',
    pools,
    reservations: options.reservations(),
    config: options.config(),
    now: Date.now(),
  });
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
