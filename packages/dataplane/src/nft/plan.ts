import type { Family } from '@muslin/net';
import { changesBetween } from '../members/changes.ts';
import { type NftListing, NO_NFT_TABLE } from './listing.ts';
import { NFT_TABLE, type NftChain, type NftMap, type NftSet, type NftTable } from './table.ts';

/** Elements that come and go in one set or map. */
export interface NftElements {
  readonly name: string;
  readonly kind: NftSet['kind'] | 'map';
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** The least that turns our table into the desired one. Applied as one transaction. */
export interface NftPlan {
  readonly family: Family;
  /** The table is there in a shape that can't be changed in place: delete it first. */
  readonly rebuild: boolean;
  /** The whole table goes: nothing else is in the plan. */
  readonly drop: boolean;
  readonly createSets: readonly NftSet[];
  /** Sets that are there as another kind: deleted and made anew; the chains that look into them are in `rewrite`. */
  readonly recreateSets: readonly NftSet[];
  readonly createMaps: readonly string[];
  readonly createChains: readonly NftChain[];
  /** Of these the rules are written anew, whole. */
  readonly rewrite: readonly NftChain[];
  readonly elements: readonly NftElements[];
  readonly removeChains: readonly string[];
  readonly removeMaps: readonly string[];
  readonly removeSets: readonly string[];
}

/** Compares what is desired with what was listed (undefined: no table). */
export function planNft(desired: NftTable, listed: NftListing | undefined): NftPlan {
  if (desired === listed) return nothing(desired.family);
  const rebuild = listed !== undefined && isOtherShape(desired, listed);
  const there = rebuild || listed === undefined ? NO_NFT_TABLE : listed;
  const missing = <T>(want: ReadonlyMap<string, T>, have: ReadonlyMap<string, unknown>) =>
    [...want].filter(([name]) => !have.has(name)).map(([, value]) => value);
  const stale = (have: ReadonlyMap<string, unknown>, want: ReadonlyMap<string, unknown>) =>
    [...have.keys()].filter(name => !want.has(name));
  const elements: NftElements[] = [];
  const recreate = [...desired.sets.values()].filter(
    set => (there.sets.get(set.name)?.kind ?? set.kind) !== set.kind,
  );
  const anew = new Set(recreate.map(set => set.name));
  for (const set of desired.sets.values()) {
    const have = anew.has(set.name) ? NOBODY : (there.sets.get(set.name)?.members ?? NOBODY);
    if (have !== set.members)
      elements.push({ name: set.name, kind: set.kind, ...changesBetween(have, set.members) });
  }
  for (const map of desired.maps.values()) {
    const have = there.maps.get(map.name);
    if (have === undefined || have.elements !== map.elements)
      elements.push({ name: map.name, kind: 'map', ...changesBetween(entries(have), entries(map)) });
  }
  return {
    family: desired.family,
    rebuild,
    drop: false,
    createSets: missing(desired.sets, there.sets),
    recreateSets: recreate,
    createMaps: missing(desired.maps, there.maps).map(map => map.name),
    createChains: missing(desired.chains, there.chains),
    rewrite: [...desired.chains.values()].filter(
      chain => there.chains.get(chain.name)?.hash !== chain.hash || (anew.size > 0 && looksInto(chain, anew)),
    ),
    elements: elements.filter(change => change.add.length > 0 || change.remove.length > 0),
    removeChains: stale(there.chains, desired.chains),
    removeMaps: stale(there.maps, desired.maps),
    removeSets: stale(there.sets, desired.sets),
  };
}

/**
 * Removes our table of a family in two transactions: first what the kernel calls, then the rest. A packet that is in
 * our rules at the moment of a commit goes on by the old rules but looks into the new maps, so these may not go yet.
 */
export function planNftRemoval(family: Family, listed: Pick<NftListing, 'chains'>): readonly NftPlan[] {
  const called = [...listed.chains].filter(([, { base }]) => base !== undefined).map(([name]) => name);
  return [
    { ...nothing(family), removeChains: called },
    { ...nothing(family), drop: true },
  ];
}

function nothing(family: Family): NftPlan {
  const kept = { createSets: [], recreateSets: [], createMaps: [], createChains: [], rewrite: [] };
  const gone = { removeChains: [], removeMaps: [], removeSets: [] };
  return { family, rebuild: false, drop: false, ...kept, elements: [], ...gone };
}

/** A base chain's hook can't be changed. */
function isOtherShape(desired: NftTable, listed: NftListing): boolean {
  return [...desired.chains.values()].some(chain => {
    const there = listed.chains.get(chain.name);
    return there !== undefined && there.base !== chain.base;
  });
}

const NOBODY: ReadonlySet<string> = new Set();

/** Stale chains are emptied in the same transaction, before the sets. */
function looksInto(chain: NftChain, sets: ReadonlySet<string>): boolean {
  return chain.rules.some(rule =>
    [...rule.text.matchAll(/@(\S+)/g)].some(([, name]) => sets.has(name ?? '')),
  );
}

/** What a map held after a plan is what the next plan begins with. */
const known = new WeakMap<NftMap['elements'], ReadonlySet<string>>();

function entries(map: NftMap | undefined): ReadonlySet<string> {
  if (map === undefined) return NOBODY;
  let set = known.get(map.elements);
  if (set === undefined) {
    set = new Set([...map.elements].map(([name, chain]) => `"${name}" : goto ${chain}`));
    known.set(map.elements, set);
  }
  return set;
}

/** Whether there is nothing to do. */
export function isEmptyNftPlan(plan: NftPlan): boolean {
  return (
    Object.values(plan).every(part => !Array.isArray(part) || part.length === 0) &&
    !plan.rebuild &&
    !plan.drop
  );
}

/** Text of the set's elements' type. */
export function nftSetType(set: NftSet, family: Family): string {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const counter = set.counted === true ? ' counter;' : '';
  if (set.kind === 'ip-port') return `type ${address} . inet_proto . inet_service;${counter}`;
  return `type ${address};${set.kind === 'net' ? ' flags interval;' : ''}${counter}`;
}

/** `ip muslin` or `ip6 muslin`. */
export function nftTableName(family: Family): string {
  return `${family === 4 ? 'ip' : 'ip6'} ${NFT_TABLE}`;
}
