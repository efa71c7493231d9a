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
  readonly reservations: () => readonly Prefix[];
  readonly log: (line: string) => void;
}

const RETRY_MS = 2_000;

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
  const releaseNow = (handleId: string) =>
    inTurn(() =>
      drive(releaseByHandle(handleId, { now: Date.now(), cooldownMs: options.config().cooldownMs }), store),
    );
  const retry = setInterval(() => {
    for (const handleId of pending.all())
      void releaseNow(handleId).then(done => {
        if (done.ok) pending.delete(handleId);
      });
  }, RETRY_MS);
  retry.unref();
  return {
    stop: () => clearInterval(retry),
    async assign(request): Promise<Result<readonly Ip[], AddressFault>> {
      const made = requestOf(request, options);
      if (!made.ok) return fail({ code: 'no-address', message: made.fault });
      const handleId = made.value.handleId;
      // An earlier life of this sandbox may still wait to be released: that must not hit the new one.
      pending.delete(handleId);
      const done = await inTurn(() => drive(allocate(made.value), store));
      if (!done.ok) return fail(addressFault(done.fault));
      return ok(done.value.addresses.map(address => address.ip));
    },
    async release(containerId, network) {
      const handleId = podHandleId(network, containerId);
      const done = await releaseNow(handleId);
      if (done.ok) {
        pending.delete(handleId);
        return ok(undefined);
      }
      options.log(`release of ${handleId} waits: ${done.fault.message}`);
      pending.add(handleId);
      return ok(undefined);
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
  const wishes = readWishes(object.metadata.annotations ?? {}, {});
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
