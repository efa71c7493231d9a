import type { Pool } from '@muslin/api';
import {
  comparePrefix,
  formatIp,
  formatPrefix,
  type Ip,
  type Prefix,
  prefixCovers,
  prefixesOverlap,
  prefixHas,
} from '@muslin/net';
import type { AffinityState } from './affinity.ts';
import { type Block, sameOwner } from './block.ts';
import { formatOwner } from './block-spec.ts';
import { addressesIn, type Inventory, type InUse, inventoryOf } from './inventory.ts';
import { type Leak, leakOf, type PodFacts, type Witnesses } from './leak.ts';
import { UID_ATTRIBUTE } from './owner.ts';
import type { StoredObject } from './stored.ts';

/** Something in the store that does not fit together. */
export type Problem =
  | { readonly code: 'unreadable'; readonly object: string; readonly message: string }
  /** Two blocks share addresses. */
  | { readonly code: 'overlapping-blocks'; readonly blocks: readonly [Prefix, Prefix] }
  /** Two pods have one address. */
  | { readonly code: 'double-owner'; readonly ip: Ip; readonly pods: readonly string[] }
  /** A pod has an address that IPAM gave to another. */
  | { readonly code: 'other-holder'; readonly ip: Ip; readonly pod: string; readonly heldBy: string }
  /** A pod has an address of a pool that IPAM holds free: it may be given out again. */
  | {
      readonly code: 'not-assigned';
      readonly ip: Ip;
      readonly pod: string;
      /** No block holds the address: somebody deleted it. */
      readonly blockGone: boolean;
    }
  | { readonly code: 'block-outside-pools'; readonly block: Prefix }
  | { readonly code: 'block-without-affinity'; readonly block: Prefix; readonly owner: string }
  | {
      readonly code: 'affinity-without-block';
      readonly block: Prefix;
      readonly owner: string;
      readonly state: AffinityState;
    }
  | {
      readonly code: 'unfinished-affinity';
      readonly block: Prefix;
      readonly owner: string;
      readonly state: AffinityState;
    }
  /** An address whose handle is gone or does not name its block: releasing by handle misses it. */
  | { readonly code: 'orphan'; readonly ip: Ip; readonly block: Prefix; readonly handleId: string }
  /** A handle that counts more addresses in a block than there are: what a crash leaves. */
  | {
      readonly code: 'dangling-handle';
      readonly handleId: string;
      readonly block: string;
      readonly counted: number;
      readonly found: number;
    };

/** What `check` finds. */
export interface CheckReport {
  /** Addresses in use. */
  readonly inUse: number;
  readonly leaks: readonly Leak[];
  /** Handles that hold an address which is no leak. */
  readonly living: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

/** Compares the store with itself, with the pools, and with what the cluster says about pods, nodes and kernels. */
export function check(
  objects: Iterable<StoredObject>,
  pools: readonly Pool[],
  witnesses: Witnesses,
): CheckReport {
  const inventory = inventoryOf(objects);
  const inUse = [...addressesIn(inventory)];
  const problems: Problem[] = [
    ...inventory.unreadable.map(({ object, fault }) => ({
      code: 'unreadable' as const,
      object: `${object.kind} ${object.metadata.name}`,
      message: fault.message,
    })),
    ...blockProblems(inventory, pools),
    ...affinityProblems(inventory),
    ...handleProblems(inventory, inUse),
    ...podProblems(inventory, inUse, pools, witnesses.pods),
  ];
  const leaks: Leak[] = [];
  const living = new Set<string>();
  for (const address of inUse) {
    const leak = leakOf(address, witnesses);
    if (leak !== undefined) leaks.push(leak);
    else if (address.attribute.handleId !== undefined) living.add(address.attribute.handleId);
  }
  return { inUse: inUse.length, leaks, living, problems };
}

function* blockProblems(inventory: Inventory, pools: readonly Pool[]): Generator<Problem> {
  const blocks = [...inventory.blocks.values()].sort((a, b) => comparePrefix(a.cidr, b.cidr));
  let before: Block | undefined;
  for (const block of blocks) {
    const { cidr } = block;
    // In this order an overlapping block comes right after the one that holds it, or after another of its kind.
    if (before !== undefined && prefixesOverlap(before.cidr, cidr))
      yield { code: 'overlapping-blocks', blocks: [before.cidr, cidr] };
    else before = block;
    if (!pools.some(pool => prefixCovers(pool.cidr, cidr)))
      yield { code: 'block-outside-pools', block: cidr };
  }
}

function* affinityProblems(inventory: Inventory): Generator<Problem> {
  const announced = new Set<string>();
  for (const { cidr, owner, state } of inventory.affinities) {
    const key = formatPrefix(cidr);
    announced.add(`${formatOwner(owner)} ${key}`);
    const where = { block: cidr, owner: formatOwner(owner), state };
    if (state !== 'confirmed') yield { code: 'unfinished-affinity', ...where };
    else if (!sameOwner(inventory.blocks.get(key)?.owner, owner))
      yield { code: 'affinity-without-block', ...where };
  }
  for (const [key, { cidr, owner }] of inventory.blocks)
    if (owner !== undefined && !announced.has(`${formatOwner(owner)} ${key}`))
      yield { code: 'block-without-affinity', block: cidr, owner: formatOwner(owner) };
}

function* handleProblems(inventory: Inventory, inUse: readonly InUse[]): Generator<Problem> {
  const found = new Map<string, number>();
  for (const { ip, block, attribute } of inUse) {
    const { handleId } = attribute;
    if (handleId === undefined) continue;
    const key = formatPrefix(block.cidr);
    found.set(`${handleId} ${key}`, (found.get(`${handleId} ${key}`) ?? 0) + 1);
    if (!inventory.handles.get(handleId)?.blocks.has(key))
      yield { code: 'orphan', ip, block: block.cidr, handleId };
  }
  for (const [handleId, handle] of inventory.handles) {
    for (const [block, counted] of handle.blocks) {
      const there = found.get(`${handleId} ${block}`) ?? 0;
      if (counted > there) yield { code: 'dangling-handle', handleId, block, counted, found: there };
    }
    if (handle.blocks.size === 0)
      yield { code: 'dangling-handle', handleId, block: '', counted: 0, found: 0 };
  }
}

function* podProblems(
  { blocks }: Inventory,
  inUse: readonly InUse[],
  pools: readonly Pool[],
  pods: ReadonlyMap<string, PodFacts>,
): Generator<Problem> {
  const held = new Map(inUse.map(address => [formatIp(address.ip), address]));
  const users = new Map<string, { readonly ip: Ip; readonly pods: string[] }>();
  for (const [name, pod] of pods) {
    if (pod.leaving) continue;
    for (const ip of pod.ips) {
      if (!pools.some(pool => prefixHas(pool.cidr, ip))) continue;
      const text = formatIp(ip);
      const user = users.get(text) ?? { ip, pods: [] };
      user.pods.push(name);
      users.set(text, user);
      const address = held.get(text);
      if (address === undefined) {
        const blockGone = !blocks.values().some(({ cidr }) => prefixHas(cidr, ip));
        yield { code: 'not-assigned', ip, pod: name, blockGone };
        continue;
      }
      const { secondary, handleId } = address.attribute;
      const mine =
        `${secondary['namespace']}/${secondary['pod']}` === name &&
        (secondary[UID_ATTRIBUTE] ?? pod.uid) === pod.uid;
      if (!mine)
        yield { code: 'other-holder', ip, pod: name, heldBy: handleId ?? 'somebody without a handle' };
    }
  }
  for (const { ip, pods: names } of users.values())
    if (names.length > 1) yield { code: 'double-owner', ip, pods: names };
}
