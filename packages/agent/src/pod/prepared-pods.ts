import type { EndpointKey } from '@muslin/api';
import { workloadInterfaceName } from '@muslin/dataplane';
import type { AnyObject } from '@muslin/kube';
import { formatIp, type Ip } from '@muslin/net';
import type { AddressBook, AddressRequest } from '../address-book.ts';
import type { AgentCore } from '../core/agent-core.ts';
import { endpointKeyOf } from '../core/local-endpoint.ts';
import { unpreparable } from './preparable.ts';

/** What preparing takes. */
export interface PreparedPodsOptions {
  readonly node: string;
  readonly core: Pick<AgentCore, 'tell' | 'locals'>;
  readonly addresses: Pick<AddressBook, 'reserve' | 'letGo'>;
  /** Resolves when all that the core knows is in the kernel. */
  readonly enforce: () => Promise<void>;
  /** So many pods find nothing in hand. */
  readonly expect: (pods: number) => void;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** How many pods may be prepared at the same time. */
  readonly most?: number;
  /** For how long a pod that does not come stays prepared; ms. */
  readonly patienceMs?: number;
}

/** As much of a network as decides about addresses. */
export type Network = Pick<AddressRequest, 'pools' | 'without'>;

/** What was prepared for a pod, given to its ADD. */
export interface Claim {
  readonly ips: readonly Ip[];
  /** The pod has its interface, or the ADD failed: what was prepared and not used goes. Only the first call counts. */
  readonly end: () => void;
}

const MOST = 64;
const PATIENCE_MS = 60_000;

/** A pod that is on its way. */
interface Candidate {
  readonly key: EndpointKey;
  readonly object: AnyObject;
  readonly since: number;
  /** Reserved, and with rules; undefined: waits for the hand, or for an older sandbox to go. */
  readonly ips?: readonly Ip[];
  /** The hand was asked to have more: a block that is full is not asked again and again. */
  readonly asked?: true;
}

/**
 * Reserves addresses for pods that were bound to this node and has their rules loaded before the runtime asks for an
 * interface: the ADD that comes finds them in the kernel. All of it is in memory alone, and whatever does not come is
 * taken back: addresses last, once no rule names them (decision 0037).
 */
export class PreparedPods {
  readonly #options: PreparedPodsOptions;
  readonly #candidates = new Map<string, Candidate>();
  /** By UID: pods whose ADD came, or that did not come in time; until they are gone. */
  readonly #past = new Set<string>();
  #network: Network | undefined = {};

  constructor(options: PreparedPodsOptions) {
    this.#options = options;
  }

  /** How many pods have rules and no interface yet. */
  get size(): number {
    return this.#prepared().length;
  }

  /** A Pod as the cluster shows it now. */
  saw(object: AnyObject, gone: boolean): void {
    const { namespace = '', name = '', uid = '' } = object.metadata;
    if (gone) this.#past.delete(uid);
    if (gone || unpreparable(object, this.#options.node) !== undefined) {
      this.#drop(uid);
      return;
    }
    if (this.#past.has(uid)) return;
    const known = this.#candidates.get(uid);
    const key = endpointKeyOf({ namespace, name });
    // A newer pod of the name: nobody will ask for the older one any more.
    for (const [other, each] of this.#candidates) if (each.key === key && other !== uid) this.#drop(other);
    this.#candidates.set(uid, { since: this.#options.now(), ...known, key, object });
  }

  /** How the node's network gives addresses, as an ADD showed it; undefined: others give them. */
  learn(network: Network | undefined): void {
    this.#network = network;
    if (network === undefined) for (const uid of [...this.#candidates.keys()]) this.#drop(uid);
  }

  /** Prepares whoever can be; whether rules changed. */
  look(): boolean {
    const { core, addresses, expect, now, most = MOST, patienceMs = PATIENCE_MS } = this.#options;
    for (const [uid, { since }] of this.#candidates)
      if (now() - since >= patienceMs) {
        this.#drop(uid);
        this.#past.add(uid);
      }
    if (this.#network === undefined) return false;
    let room = most - this.size;
    let lacking = 0;
    let news = false;
    for (const [uid, candidate] of this.#candidates) {
      const { key, object, ips, asked } = candidate;
      if (room === 0) break;
      if (ips !== undefined || core.locals.has(key)) continue;
      const { namespace = '', name = '' } = object.metadata;
      const pod = { namespace, name, uid };
      const reserved = addresses.reserve({ ...this.#network, pod, object });
      if (reserved === undefined) {
        if (asked !== true) lacking++;
        this.#candidates.set(uid, { ...candidate, asked: true });
        continue;
      }
      room--;
      news = true;
      this.#candidates.set(uid, { ...candidate, ips: reserved });
      const hostInterface = workloadInterfaceName(namespace, name);
      core.tell({ type: 'prepared', endpoint: { key, uid, hostInterface, ips: reserved } });
    }
    if (lacking > 0) expect(Math.min(lacking, room));
    return news;
  }

  /** Gives up the pod that was prepared last, for one that is there and finds nothing in hand. Whether there was one. */
  yieldOne(): boolean {
    const last = this.#prepared().at(-1);
    if (last === undefined) return false;
    const [uid, candidate] = last;
    const { key, object, since, ips = [] } = candidate;
    this.#candidates.set(uid, { key, object, since });
    this.#options.core.tell({ type: 'not-prepared', key, uid });
    // The round of the ADD that gets them takes its rules away, too.
    this.#options.addresses.letGo(ips);
    return true;
  }

  /** An ADD of the pod's first interface has come: from here on it is that one's. */
  claim(uid: string): Claim {
    const { key, ips = [] } = this.#candidates.get(uid) ?? {};
    if (this.#candidates.delete(uid)) this.#past.add(uid);
    let due = key !== undefined && ips.length > 0;
    const end = () => {
      if (due && key !== undefined) this.#takeBack(key, uid, ips);
      due = false;
    };
    return { ips, end };
  }

  #prepared(): readonly (readonly [string, Candidate])[] {
    return [...this.#candidates].filter(([, { ips }]) => ips !== undefined);
  }

  #drop(uid: string): void {
    const candidate = this.#candidates.get(uid);
    this.#candidates.delete(uid);
    if (candidate?.ips !== undefined) this.#takeBack(candidate.key, uid, candidate.ips);
  }

  /** Nobody gets the addresses while rules may name them as the pod's. Where the pod has its interface they are its own. */
  #takeBack(key: EndpointKey, uid: string, ips: readonly Ip[]): void {
    const { core, addresses, enforce } = this.#options;
    const plugged = core.locals.get(key)?.flatMap(local => local.ips.map(formatIp)) ?? [];
    core.tell({ type: 'not-prepared', key, uid });
    const idle = ips.filter(ip => !plugged.includes(formatIp(ip)));
    if (idle.length > 0) void enforce().then(() => addresses.letGo(idle));
  }
}
