import type { Pool } from '@muslin/api';
import {
  addressesIn,
  type Breaker,
  type CheckReport,
  check,
  type Inventory,
  type Leak,
  type LeakProof,
  leakOf,
  type InUse,
  mostAtOnce,
  proveLeak,
  releasable,
  type StoredObject,
  type Witnesses,
} from '@muslin/ipam';
import { formatIp, ok, prefixHas, type Result } from '@muslin/net';
import type { Heard, KernelWords } from './node-reports.ts';

/** What IPAM holds, as one fresh list of each kind shows it. */
export interface Objects {
  readonly stored: readonly StoredObject[];
  readonly inventory: Inventory;
  readonly pools: readonly Pool[];
}

/** Who is asked about the cluster. */
export type Word = Pick<Witnesses, 'pods' | 'nodes'> & KernelWords;

/** How careful to be. */
export interface Care {
  /** An address must be this old, and look lost for this long. */
  readonly graceMs: number;
  /** Of one hour: what is freed now and what was freed before add up. */
  readonly breaker: Breaker;
}

/** What earlier looks have seen; a value. */
export interface GarbageState {
  /** Time of the last look, ms since the epoch. */
  readonly at: number;
  /** Since when each life of an address looks lost without a break. */
  readonly since: ReadonlyMap<string, number>;
  /** When addresses were freed, within the last hour. */
  readonly freed: readonly number[];
  /** What nodes said about their addresses, by node. */
  readonly heard: ReadonlyMap<string, Heard>;
}

/** Nothing seen yet. */
export const NOTHING_SEEN: GarbageState = { at: 0, since: new Map(), freed: [], heard: new Map() };

/** An address that seems lost. */
export interface Candidate {
  readonly leak: Leak;
  readonly since: number;
  readonly pool: string | undefined;
  readonly node: string | undefined;
}

/** All addresses of one handle, each proven; to be confirmed by fresh reads before it is carried out. */
export interface Release {
  readonly handleId: string;
  readonly pool: string | undefined;
  readonly node: string | undefined;
  readonly addresses: readonly { readonly address: InUse; readonly proof: LeakProof }[];
}

/** Why a candidate stays. */
export interface Refusal {
  readonly candidate: Candidate;
  readonly code: 'one-witness' | 'vetoed' | 'no-handle' | 'handle-in-use' | 'mass-release';
  readonly message: string;
}

/** Everything that one look decides. */
export interface Judgement {
  readonly state: GarbageState;
  readonly candidates: readonly Candidate[];
  readonly releases: readonly Release[];
  readonly refusals: readonly Refusal[];
}

/** After a longer pause (another replica led) nothing is known to have looked lost all the time. */
const LONGEST_PAUSE_MS = 15 * 60_000;
const HOUR_MS = 3_600_000;

/**
 * Which addresses are lost, which of them may be freed, and why the others may not. A function of its inputs alone.
 * `state` is the one that the last look gave, with `remember` applied for what was freed since.
 */
export function judge(objects: Objects, word: Word, now: number, state: GarbageState, care: Care): Judgement {
  const report = check(objects.stored, objects.pools, { ...word, now, graceMs: care.graceMs });
  const known =
    state.at <= now && now - state.at <= LONGEST_PAUSE_MS ? state.since : new Map<string, number>();
  const freed = state.freed.filter(at => now - at < HOUR_MS);
  const candidates = report.leaks.map((leak): Candidate => {
    const pool = objects.pools.find(each => prefixHas(each.cidr, leak.ip))?.name;
    return { leak, since: known.get(lifeOf(leak)) ?? now, pool, node: leak.attribute.secondary['node'] };
  });
  const since = new Map(candidates.map(candidate => [lifeOf(candidate.leak), candidate.since]));
  const proven = withinBreaker(report, freed.length, care.breaker);
  const refusals = candidates.flatMap(candidate => refusalOf(candidate, proven) ?? []);
  const seenBy = now - care.graceMs;
  const ripe = proven.ok ? releasesOf(proven.value, objects.inventory, candidates, seenBy, word) : [];
  return { state: { ...state, at: now, since, freed }, candidates, releases: ripe, refusals };
}

/** Whether fresh words about the holders still prove every address of a release; else why not. */
export function confirm(release: Release, word: Word, now: number, care: Care): Result<undefined, string> {
  for (const { address } of release.addresses) {
    const leak = leakOf(address, { ...word, now, graceMs: care.graceMs });
    if (leak === undefined)
      return { ok: false, fault: `${formatIp(address.ip)} is held after all: a fresh read says so` };
    if (proveLeak(leak) === undefined)
      return {
        ok: false,
        fault: `${formatIp(address.ip)}: a fresh read leaves ${leak.veto ?? 'one witness'}`,
      };
  }
  return ok(undefined);
}

/** The state after addresses were freed. */
export function remember(state: GarbageState, count: number, now: number): GarbageState {
  return { ...state, freed: [...state.freed, ...new Array<number>(count).fill(now)] };
}

/** One life of an address: an address that was given out again is another. */
export function lifeOf({ ip, handleId, sequence }: Pick<Leak, 'ip' | 'handleId' | 'sequence'>): string {
  return `${formatIp(ip)} ${handleId ?? ''} ${sequence ?? ''}`;
}

/** The breaker of @muslin/ipam looks at one moment; many small helpings must not get around it. */
function withinBreaker(
  report: CheckReport,
  freedBefore: number,
  breaker: Breaker,
): Result<readonly LeakProof[], string> {
  const proven = releasable(report, breaker);
  if (!proven.ok) return { ok: false, fault: proven.fault.message };
  const most = mostAtOnce(report.inUse, breaker);
  if (freedBefore === 0 || proven.value.length + freedBefore <= most) return proven;
  return {
    ok: false,
    fault: `${proven.value.length} addresses seem leaked and ${freedBefore} were freed within the hour: more than the ${most} that are freed without asking; look at the report first`,
  };
}

function refusalOf(candidate: Candidate, proven: Result<readonly LeakProof[], string>): Refusal | undefined {
  const { leak } = candidate;
  const text = formatIp(leak.ip);
  const no = (code: Refusal['code'], message: string): Refusal => ({ candidate, code, message });
  if (leak.veto !== undefined) return no('vetoed', leak.veto);
  if (leak.handleId === undefined)
    return no('no-handle', `${text} has no handle: nothing names this life of it`);
  if (proveLeak(leak) === undefined)
    return no(
      'one-witness',
      `${leak.evidence.map(({ message }) => message).join('; ')}; nobody else says so`,
    );
  if (!proven.ok) return no('mass-release', proven.fault);
  if (!proven.value.some(proof => lifeOf(proof) === lifeOf(leak)))
    return no('handle-in-use', `another address of ${leak.handleId} is not proven lost`);
  return undefined;
}

function releasesOf(
  proofs: readonly LeakProof[],
  inventory: Inventory,
  candidates: readonly Candidate[],
  seenBy: number,
  word: Word,
): readonly Release[] {
  const addresses = new Map<string, InUse>();
  for (const address of addressesIn(inventory))
    addresses.set(lifeOf({ ...address, handleId: address.attribute.handleId }), address);
  const of = new Map(candidates.map(candidate => [lifeOf(candidate.leak), candidate]));
  return [...Map.groupBy(proofs, proof => proof.handleId)].flatMap(([handleId, all]) => {
    const seen = all.map(proof => of.get(lifeOf(proof)));
    const [first] = seen;
    if (first === undefined || seen.some(each => each === undefined || each.since > seenBy)) return [];
    if (seen.some(each => each !== undefined && !isLater(each, word))) return [];
    const pairs = all.flatMap(proof => {
      const address = addresses.get(lifeOf(proof));
      return address === undefined ? [] : [{ address, proof }];
    });
    return [{ handleId, pool: first.pool, node: first.node, addresses: pairs }];
  });
}

/** Whether the node looked for the address after it first looked lost: it may have got it between an older look and then. */
function isLater({ leak, node, since }: Candidate, { nodes, writtenAfter }: Word): boolean {
  if (node === undefined || !nodes.has(node)) return true;
  if (!leak.evidence.some(({ says }) => says === 'not-on-host')) return true;
  return (writtenAfter.get(node) ?? Number.NEGATIVE_INFINITY) >= since;
}
