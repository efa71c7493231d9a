import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { podHandleId } from '@muslin/ipam';
import { fail, type Ip, mustPrefix, ok, type Prefix, type Result } from '@muslin/net';
import type { AddressBook, AddressFault, AddressRequest } from '../address-book.ts';
import { CNI_CODE, type CniFault } from '../cni/cni-fault.ts';
import { readSubnetEnv, subnetFileIn } from './subnet-env.ts';
import type { AddressLedger } from './address-ledger.ts';
import {
  addressesIn,
  callDelegate,
  type Delegation,
  type OwnRanges,
  isTooOld,
  pluginOf,
  withOwnRanges,
} from './delegation.ts';

/** What passing on to other IPAM plugins takes. */
export interface DelegatedAddressesOptions {
  /** Gives all other addresses. */
  readonly book: AddressBook;
  readonly stateDir: string;
  /** Of this node (Node v1 `spec.podCIDRs`). */
  readonly podCidrs: () => readonly Prefix[];
  readonly ledger: AddressLedger;
  readonly log: (line: string) => void;
}

const RETRY_MS = 2_000;
const ANY_RANGE = ['0.0.0.0/0', '::/0'].map(mustPrefix);

/**
 * Addresses of those networks whose `ipam` names another plugin: ADD and DEL are passed on. What the plugin was called with is
 * kept on disk from before its ADD until after its DEL, so that no death in between leaks an address.
 */
export class DelegatedAddresses implements AddressBook {
  readonly #options: DelegatedAddressesOptions;
  readonly #folder: string;
  readonly #kept = new Map<string, Delegation>();
  /** Releases under way, or that failed and are tried again. */
  readonly #leaving = new Map<string, Promise<CniFault | undefined>>();
  readonly #failed = new Map<string, string>();
  readonly #retry: NodeJS.Timeout;

  constructor(options: DelegatedAddressesOptions) {
    this.#options = options;
    this.#folder = `${options.stateDir}/delegated`;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#folder)) {
      const kept = name.endsWith('.json') ? readKept(`${this.#folder}/${name}`) : undefined;
      if (kept === undefined) rmSync(`${this.#folder}/${name}`, { force: true });
      else this.#kept.set(kept.handleId, kept.delegation);
    }
    this.#retry = setInterval(() => {
      for (const handleId of this.#failed.keys()) void this.#leave(handleId);
    }, RETRY_MS);
    this.#retry.unref();
  }

  stop(): void {
    clearInterval(this.#retry);
  }

  take(request: AddressRequest): readonly Ip[] | undefined {
    return request.delegation === undefined ? this.#options.book.take(request) : undefined;
  }

  reserve(request: Omit<AddressRequest, 'containerId' | 'network'>): readonly Ip[] | undefined {
    return request.delegation === undefined ? this.#options.book.reserve(request) : undefined;
  }

  letGo(ips: readonly Ip[]): void {
    this.#options.book.letGo(ips);
  }

  recall(request: Omit<AddressRequest, 'object'>, ips: readonly Ip[]): void {
    const handleId = podHandleId(request.network, request.containerId);
    if (!this.#kept.has(handleId)) this.#options.book.recall(request, ips);
  }

  async assign(request: AddressRequest): Promise<Result<readonly Ip[], AddressFault>> {
    const { delegation, containerId, network, pod } = request;
    if (delegation === undefined) return this.#options.book.assign(request);
    const handleId = podHandleId(network, containerId);
    const { ledger } = this.#options;
    const whole = withOwnRanges(delegation, this.#ranges(delegation));
    if (!whole.ok) {
      const { of, family } = whole.fault;
      const message =
        of === 'node'
          ? `the Node has no IPv${family} podCIDR (spec.podCIDRs) for ipam.subnet: the controller manager gives it with --allocate-node-cidrs`
          : `${subnetFileIn(delegation.config)} names no IPv${family} subnet for ipam.subnet: flannel writes it when it runs`;
      return refusal({ code: CNI_CODE.tryAgain, message });
    }
    await this.#leaving.get(handleId);
    this.#failed.delete(handleId);
    // One that is not there gives nothing that would have to be given back.
    if (pluginOf(delegation) !== undefined) this.#keep(handleId, whole.value);
    const why = `by the IPAM plugin ${delegation.type}`;
    const done = await callDelegate('ADD', whole.value);
    const ips = done.ok ? addressesIn(done.value) : undefined;
    if (ips !== undefined) {
      ledger.record({ what: 'assigned', ips, handleId, pod, why });
      return ok(ips);
    }
    const fault = done.ok
      ? { code: CNI_CODE.decodingFailure, message: `the IPAM plugin ${delegation.type} gave no address` }
      : done.fault;
    ledger.record({ what: 'refused', ips: [], handleId, pod, why: `${why}: ${fault.message}` });
    return refusal(fault);
  }

  release(containerId: string, network: string, delegation?: Delegation): Promise<void> {
    const handleId = podHandleId(network, containerId);
    const kept = this.#kept.has(handleId);
    // One that isn't there and that nobody remembers having called has given nothing.
    if (delegation !== undefined && pluginOf(delegation) === undefined && !kept) return Promise.resolve();
    if (delegation !== undefined && !kept) this.#keep(handleId, this.#whole(delegation));
    if (!this.#kept.has(handleId)) return this.#options.book.release(containerId, network);
    void this.#leave(handleId);
    return Promise.resolve();
  }

  releaseLater(containerId: string, network: string): Promise<void> {
    const handleId = podHandleId(network, containerId);
    if (!this.#kept.has(handleId)) return this.#options.book.releaseLater(containerId, network);
    void this.#leave(handleId);
    return Promise.resolve();
  }

  freed(containerId: string, network: string): Promise<CniFault | undefined> {
    return this.#leaving.get(podHandleId(network, containerId)) ?? Promise.resolve(undefined);
  }

  async ask(command: 'CHECK' | 'GC' | 'STATUS', delegation: Delegation): Promise<CniFault | undefined> {
    const done = await callDelegate(command, this.#whole(delegation));
    return done.ok || (command !== 'CHECK' && isTooOld(done.fault)) ? undefined : done.fault;
  }

  /** With ranges that can be read: those who give no address need no right ones. */
  #whole(delegation: Delegation): Delegation {
    const { node, flannel } = this.#ranges(delegation);
    const whole = withOwnRanges(delegation, {
      ...{ node: [...node, ...ANY_RANGE], flannel: [...flannel, ...ANY_RANGE] },
    });
    return whole.ok ? whole.value : delegation;
  }

  #ranges({ config }: Delegation): OwnRanges {
    const flannel = Object.values(readSubnetEnv(subnetFileIn(config))?.subnets ?? {});
    return { node: this.#options.podCidrs(), flannel };
  }

  #leave(handleId: string): Promise<CniFault | undefined> {
    const under = this.#leaving.get(handleId);
    if (under !== undefined && !this.#failed.has(handleId)) return under;
    this.#failed.delete(handleId);
    const leaving = this.#end(handleId);
    this.#leaving.set(handleId, leaving);
    return leaving;
  }

  async #end(handleId: string): Promise<CniFault | undefined> {
    const delegation = this.#kept.get(handleId);
    if (delegation === undefined) return undefined;
    const { log, ledger } = this.#options;
    const done = await callDelegate('DEL', delegation);
    if (!done.ok) {
      const { message } = done.fault;
      log(`addresses of ${handleId} are given back later: ${message}`);
      this.#failed.set(handleId, message);
      return done.fault;
    }
    this.#kept.delete(handleId);
    rmSync(this.#path(handleId), { force: true });
    ledger.record({ what: 'released', ips: [], handleId, why: `by the IPAM plugin ${delegation.type}` });
    this.#leaving.delete(handleId);
    return undefined;
  }

  #keep(handleId: string, delegation: Delegation): void {
    const path = this.#path(handleId);
    const { prevResult: _, ...config } = delegation.config;
    const kept = { ...delegation, config };
    writeFileSync(`${path}.new`, JSON.stringify({ handleId, delegation: kept }), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#kept.set(handleId, kept);
  }

  #path(handleId: string): string {
    return `${this.#folder}/${createHash('sha256').update(handleId).digest('hex').slice(0, 32)}.json`;
  }
}

function refusal(told: CniFault): Result<never, AddressFault> {
  return fail({
    code: told.code === CNI_CODE.tryAgain ? 'retry' : 'no-address',
    message: told.message,
    told,
  });
}

function readKept(path: string): { readonly handleId: string; readonly delegation: Delegation } | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value?.handleId === 'string' && typeof value.delegation?.type === 'string'
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}
