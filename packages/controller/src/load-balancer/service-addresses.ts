import type { Pool } from '@muslin/api';
import {
  allocate,
  choosePools,
  drive,
  type IpamFault,
  poolRequest,
  releaseByHandle,
  releaseIp,
} from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, type Note, RESOURCES, StatusWriter } from '@muslin/kube';
import {
  type Family,
  fail,
  formatIp,
  type Ip,
  ok,
  parseIp,
  prefixHas,
  type Result,
  sameIp,
} from '@muslin/net';
import { type AddressSettings, readAddressSettings } from './address-settings.ts';
import { type HeldAddress, heldAddresses, type ServiceLife, serviceHandleId } from './held-addresses.ts';
import { type ServiceWish, wishOf } from './service-wish.ts';

/** What serving Services takes. */
export interface ServiceAddressesOptions {
  readonly client: KubeClient;
  readonly log: (line: string) => void;
  readonly tell: (note: Note) => void;
  readonly now: () => number;
}

type Wanted = Extract<ServiceWish, { type: 'addresses' }>;
/** Owner of the blocks, as Calico calls it: no node. */
const OWNER = { type: 'virtual', name: 'load-balancer' } as const;

/**
 * Gives Services of type LoadBalancer addresses from pools with that use, and takes them back. What a Service has is
 * named by its handle, so a repeat finds it; its status is written after the address is its own, and cleared before
 * the address goes back.
 */
export class ServiceAddresses {
  readonly #options: ServiceAddressesOptions;
  readonly #writer: StatusWriter;
  readonly #told = new Map<string, string>();
  /** What is under way for a Service, by `namespace/name`. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: ServiceAddressesOptions) {
    this.#options = options;
    this.#writer = new StatusWriter(options.client);
  }

  /** Brings one Service (`namespace/name`) to what it asks for now. */
  reconcile(key: string): Promise<string | undefined> {
    return this.#inTurn(key, () => this.#reconcile(key));
  }

  /** Takes back what a Service had that is gone, or is another by now (`namespace/name/uid`). */
  release(key: string): Promise<string | undefined> {
    return this.#inTurn(key.split('/', 2).join('/'), () => this.#release(key));
  }

  /** A Service that goes while it is served would be given its address again after it was taken back. */
  #inTurn(key: string, work: () => Promise<string | undefined>): Promise<string | undefined> {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(key, settled);
    void settled.then(() => {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    });
    return turn;
  }

  async #reconcile(key: string): Promise<string | undefined> {
    const { client } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    const got = await client.get<AnyObject>(RESOURCES.Service, { namespace, name });
    if (!got.ok) return got.fault.code === 'NotFound' ? undefined : got.fault.message;
    const service = got.value;
    const life = { namespace, name, uid: service.metadata.uid ?? '' };
    const settings = await readAddressSettings(client);
    if (!settings.ok) return settings.fault;
    const wish = wishOf(service, settings.value.assignIps);
    if (wish.type === 'nothing') return this.#takeBack(life);
    if (wish.type === 'wrong') return this.#complain(service, wish.message);
    return this.#give(service, life, wish, settings.value);
  }

  async #release(key: string): Promise<string | undefined> {
    const [namespace = '', name = '', uid = ''] = key.split('/');
    const got = await this.#options.client.get<AnyObject>(RESOURCES.Service, { namespace, name });
    if (!got.ok && got.fault.code !== 'NotFound') return got.fault.message;
    // The fresh read has the last word: the Service is there after all.
    if (got.ok && got.value.metadata.uid === uid) return undefined;
    this.#told.delete(`${namespace}/${name}`);
    return this.#free({ namespace, name, uid });
  }

  async #give(service: AnyObject, life: ServiceLife, wish: Wanted, settings: AddressSettings) {
    const { client, now } = this.#options;
    const handleId = serviceHandleId(life);
    const held = await heldAddresses(client, handleId);
    if (!held.ok) return held.fault;
    const pools = settings.pools.filter(pool => pool.allowedUses.has('LoadBalancer'));
    const families = familiesOf(wish, pools, held.value);
    // Nothing says that this Service is ours: some other load balancer may look after it.
    if (families.length === 0 && wish.ips.length === 0 && !wish.explicit) return undefined;
    if (isOthers(service, pools, held.value) && !wish.explicit) return undefined;
    if (families.length === 0 && wish.ips.length === 0)
      return this.#complain(service, 'no IPPool has LoadBalancer among its allowedUses: make one');
    const fits = await this.#dropUnfit(handleId, held.value, wish, pools, settings);
    if (!fits.ok) return fits.fault;
    const namespaceLabels = await this.#namespace(life.namespace);
    if (!namespaceLabels.ok) return namespaceLabels.fault;
    const before = shownIps(service).filter(ip => pools.some(pool => prefixHas(pool.cidr, ip)));
    const ask = (ips: readonly Ip[]) =>
      drive(
        allocate({
          ...{ handleId, families, ips, pools, use: 'LoadBalancer', blockOwner: OWNER, now: now() },
          owner: { type: 'service', ...life },
          node: { name: OWNER.name, labels: new Map() },
          namespace: { labels: namespaceLabels.value },
          ...(wish.pools === undefined ? {} : { poolNames: wish.pools }),
          reservations: settings.reservations,
          config: settings.config,
        }),
        ipamStore(client),
      );
    // An address that is shown and free is the Service's own, whose handle was lost: it keeps it.
    const again = wish.ips.length === 0 && wish.pools === undefined && fits.value.length === 0 ? before : [];
    let given = await ask(again.length > 0 ? again : wish.ips);
    if (!given.ok && again.length > 0) given = await ask([]);
    if (!given.ok)
      return (
        (await this.#dropUnshown(handleId, fits.value, service, settings)) ??
        this.#refused(service, given.fault)
      );
    const ips = given.value.addresses.map(({ ip }) => ip);
    const surplus = fits.value.filter(({ ip }) => !ips.some(own => sameIp(own, ip)));
    const shown = await this.#show(service, ips);
    if (shown !== undefined) return shown;
    for (const address of surplus) {
      const freed = await this.#freeOne(handleId, address, settings);
      if (freed !== undefined) return freed;
    }
    return undefined;
  }

  /** Gives back what is in none of the pools that are asked for, if one of those is there to take its place. */
  async #dropUnfit(
    handleId: string,
    held: readonly HeldAddress[],
    { pools: poolNames, ips }: Wanted,
    pools: readonly Pool[],
    settings: AddressSettings,
  ): Promise<Result<readonly HeldAddress[], string>> {
    if (poolNames === undefined || ips.length > 0) return ok(held);
    const kept: HeldAddress[] = [];
    for (const address of held) {
      const request = poolRequest(address.ip.family, 'LoadBalancer', poolNames);
      const asked = choosePools(request, pools, { labels: new Map() }, undefined).pools;
      if (
        request.pools === undefined ||
        asked.length === 0 ||
        asked.some(pool => prefixHas(pool.cidr, address.ip))
      )
        kept.push(address);
      else {
        const freed = await this.#freeOne(handleId, address, settings);
        if (freed !== undefined) return fail(freed);
      }
    }
    return ok(kept);
  }

  /** A refused wish leaves the Service what it shows; what it never came to show serves nobody. */
  async #dropUnshown(
    handleId: string,
    held: readonly HeldAddress[],
    service: AnyObject,
    settings: AddressSettings,
  ): Promise<string | undefined> {
    const shown = shownIps(service);
    for (const address of held) {
      if (shown.some(ip => sameIp(ip, address.ip))) continue;
      const fault = await this.#freeOne(handleId, address, settings);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  async #freeOne(handleId: string, { ip, block, sequence }: HeldAddress, { config }: AddressSettings) {
    const { client, now } = this.#options;
    const expected = { handleId, ...(sequence === undefined ? {} : { sequence }) };
    const time = { now: now(), cooldownMs: config.cooldownMs };
    const done = await drive(releaseIp(block, ip, expected, time), ipamStore(client));
    return done.ok || done.fault.code === 'stale' ? undefined : done.fault.message;
  }

  async #namespace(name: string): Promise<Result<ReadonlyMap<string, string>, string>> {
    const got = await this.#options.client.get<AnyObject>(RESOURCES.Namespace, { name });
    if (!got.ok) return fail(got.fault.message);
    return ok(new Map(Object.entries(got.value.metadata.labels ?? {})));
  }

  async #show(service: AnyObject, ips: readonly Ip[]): Promise<string | undefined> {
    const { uid } = service.metadata;
    const key = keyOfService(service);
    const done = await this.#writer.write(RESOURCES.Service, key, object => {
      if (object.metadata.uid !== uid || sameIps(shownIps(object), ips)) return undefined;
      return withIngress(object, ips);
    });
    if (!done.ok) return done.fault.message;
    this.#told.delete(`${key.namespace}/${key.name}`);
    if (done.value !== 'written') return undefined;
    const message = `address ${ips.map(formatIp).join(' and ')}`;
    this.#options.log(`Service ${key.namespace}/${key.name}: ${message}`);
    this.#options.tell({ about: about(service), type: 'Normal', reason: 'AddressAssigned', message });
    return undefined;
  }

  /** Of a Service that is there and wants nothing of us any more. */
  async #takeBack(life: ServiceLife): Promise<string | undefined> {
    const held = await heldAddresses(this.#options.client, serviceHandleId(life));
    if (!held.ok) return held.fault;
    if (held.value.length > 0) {
      const done = await this.#writer.write(RESOURCES.Service, life, object => {
        const others = shownIps(object).filter(ip => !held.value.some(own => sameIp(own.ip, ip)));
        return others.length === shownIps(object).length ? undefined : withIngress(object, others);
      });
      if (!done.ok) return done.fault.message;
    }
    return this.#free(life);
  }

  async #free(life: ServiceLife): Promise<string | undefined> {
    const { client, log, now } = this.#options;
    const settings = await readAddressSettings(client);
    if (!settings.ok) return settings.fault;
    const time = { now: now(), cooldownMs: settings.value.config.cooldownMs };
    const done = await drive(releaseByHandle(serviceHandleId(life), time), ipamStore(client));
    if (!done.ok) return done.fault.message;
    if (done.value.released.length > 0)
      log(`Service ${life.namespace}/${life.name}: ${done.value.released.map(formatIp).join(', ')} is free`);
    return undefined;
  }

  #refused(service: AnyObject, fault: IpamFault): string | undefined {
    if (fault.code === 'store') return fault.message;
    const tried = 'tried' in fault ? fault.tried.map(({ why }) => why) : [];
    return this.#complain(service, [fault.message, ...new Set(tried)].join('; '));
  }

  /** Told once; tried again because pools and other Services change. */
  #complain(service: AnyObject, text: string): string {
    const { namespace, name } = keyOfService(service);
    const message = `no address: ${text}`;
    if (this.#told.get(`${namespace}/${name}`) !== message)
      this.#options.tell({ about: about(service), type: 'Warning', reason: 'NoAddress', message });
    this.#told.set(`${namespace}/${name}`, message);
    return `Service ${namespace}/${name} gets ${message}`;
  }
}

function familiesOf(wish: Wanted, pools: readonly Pool[], held: readonly HeldAddress[]): readonly Family[] {
  return wish.families.filter(
    family =>
      wish.allFamilies ||
      pools.some(pool => pool.cidr.ip.family === family && !pool.disabled) ||
      held.some(({ ip }) => ip.family === family),
  );
}

/** Whether somebody else gave the Service the address that it shows. */
function isOthers(service: AnyObject, pools: readonly Pool[], held: readonly HeldAddress[]): boolean {
  const { loadBalancer } = (service['status'] ?? {}) as { loadBalancer?: { ingress?: readonly unknown[] } };
  const shown = shownIps(service);
  if (held.length > 0 || (loadBalancer?.ingress ?? []).length === 0) return false;
  return !shown.some(ip => pools.some(pool => prefixHas(pool.cidr, ip)));
}

function shownIps(service: AnyObject): readonly Ip[] {
  const { loadBalancer } = (service['status'] ?? {}) as {
    loadBalancer?: { ingress?: readonly { readonly ip?: string }[] };
  };
  return (loadBalancer?.ingress ?? [])
    .map(({ ip = '' }) => parseIp(ip))
    .flatMap(ip => (ip.ok ? [ip.value] : []));
}

function withIngress(service: AnyObject, ips: readonly Ip[]): object {
  const status = service['status'] as object | undefined;
  const ingress = ips.map(ip => ({ ip: formatIp(ip), ipMode: 'VIP' }));
  return { ...status, loadBalancer: ingress.length > 0 ? { ingress } : {} };
}

function sameIps(a: readonly Ip[], b: readonly Ip[]): boolean {
  return a.length === b.length && a.every(ip => b.some(other => sameIp(ip, other)));
}

function keyOfService({ metadata: { namespace = '', name = '' } }: AnyObject) {
  return { namespace, name };
}

function about(service: AnyObject): Note['about'] {
  const { uid } = service.metadata;
  return {
    ...{ apiVersion: 'v1', kind: 'Service', ...keyOfService(service) },
    ...(uid === undefined ? {} : { uid }),
  };
}
