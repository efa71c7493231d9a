import type { FactChange, MemberSet, NodeDelta, Policy, PolicyKey, SetId } from '@muslin/api';
import type { Bearer } from './graph/bearer.ts';
import type { BearerChange } from './graph/bearers.ts';
import { KnownFacts, put } from './graph/known-facts.ts';
import { isFor, PolicySelectors } from './graph/policy-selectors.ts';
import { type ResolvedPolicy, resolvePolicy } from './resolved-policy.ts';

/** How the interest of one node changed: what it needs from now on, and what no longer. */
export interface NodeInterest {
  readonly policies: { readonly added: Set<PolicyKey>; readonly removed: Set<PolicyKey> };
  readonly sets: { readonly added: Set<SetId>; readonly removed: Set<SetId> };
}

/** What one flush came to, once for the whole cluster. */
export interface SharedNews {
  /** Nodes whose interest changed. */
  readonly nodes: ReadonlyMap<string, NodeInterest>;
  /** Members of all sets that some node needs: each worked out once, however many nodes need it. */
  readonly sets: NodeDelta['sets'];
}

interface Placed {
  readonly node: string;
  readonly selecting: ReadonlySet<PolicyKey>;
}

/**
 * Which policies and which sets each node of a cluster needs, for all nodes at once. A node that is given these, besides
 * the facts of its own pods and host endpoints, comes to the same `nodeState` as one that is given everything. Pods count
 * from when they are bound, before they have an address: the node knows addresses first.
 */
export class Interests {
  readonly #facts = new KnownFacts();
  readonly #selectors = new PolicySelectors(this.#facts.policies);
  readonly #resolved = new Map<PolicyKey, ResolvedPolicy>();
  readonly #placed = new Map<string, Placed>();
  /** Ids of the endpoints that each policy selects. */
  readonly #selected = new Map<PolicyKey, Set<string>>();
  /** By node: how many of its endpoints each policy selects; how many of those policies refer to each set. */
  readonly #uses = new Map<string, { policies: Map<PolicyKey, number>; sets: Map<SetId, number> }>();
  readonly #policyNodes = new Map<PolicyKey, Set<string>>();
  readonly #setNodes = new Map<SetId, Set<string>>();
  /** Of each staged deletion, the policy that it is about: whoever needs that needs the deletion. As of the last `flush`. */
  readonly #removes = new Map<PolicyKey, PolicyKey>();
  readonly #removers = new Map<PolicyKey, Set<PolicyKey>>();
  readonly #dirtyUse = new Set<PolicyKey>();
  #news = new Map<string, NodeInterest>();

  /** Notes that one fact of the cluster is now so. Cheap; `flush` does the work. Tiers decide nothing here. */
  update(change: FactChange): void {
    this.#facts.take(change);
  }

  /** The nodes that need a set, as of the last `flush`. */
  nodesOfSet(id: SetId): ReadonlySet<string> {
    return this.#setNodes.get(id) ?? NOBODY;
  }

  /** The nodes that need a policy, as of the last `flush`. */
  nodesOfPolicy(key: PolicyKey): ReadonlySet<string> {
    return this.#policyNodes.get(this.#removes.get(key) ?? key) ?? NOBODY;
  }

  /** The policies and sets that a node needs, as of the last `flush`. */
  of(node: string): { readonly policies: Iterable<PolicyKey>; readonly sets: Iterable<SetId> } {
    const uses = this.#uses.get(node);
    const policies = [...(uses?.policies.keys() ?? [])];
    return {
      policies: policies.flatMap(key => [key, ...(this.#removers.get(key) ?? [])]),
      sets: uses?.sets.keys() ?? [],
    };
  }

  /** The members of all sets that some node needs, as of the last `flush`: a live view. */
  get sets(): ReadonlyMap<SetId, MemberSet> {
    return this.#facts.sets.state;
  }

  /** Works out what the changes since the last `flush` come to. */
  flush(): SharedNews {
    const changes = this.#facts.drain();
    for (const key of this.#facts.dirtyPolicies) {
      this.#replaceDeletion(key);
      this.#replacePolicy(key);
    }
    for (const change of changes) {
      this.#facts.sets.review(change.before, change.after, change.keys);
      this.#place(change);
    }
    this.#facts.reviewOthers();
    for (const key of this.#dirtyUse)
      this.#facts.active.put(key, this.#policyNodes.has(key) ? this.#resolve(key) : undefined);
    this.#facts.dirtyPolicies.clear();
    this.#dirtyUse.clear();
    const nodes = this.#news;
    this.#news = new Map();
    return { nodes, sets: this.#facts.sets.flush() };
  }

  /** A staged deletion came, went, or is none any more. */
  #replaceDeletion(key: PolicyKey): void {
    const [before, after] = [this.#removes.get(key), this.#facts.deletions.get(key)?.removes];
    if (before === after) return;
    const follow = (removed: PolicyKey, is: boolean) => {
      join(this.#removers, removed, key, is);
      for (const node of this.nodesOfPolicy(removed)) turn(this.#newsOf(node).policies, key, is);
    };
    if (before !== undefined) follow(before, false);
    put(this.#removes, key, after);
    if (after !== undefined) follow(after, true);
  }

  /** Its selector and its rules may both be others: every node that used it lets go of it, then takes it up anew. */
  #replacePolicy(key: PolicyKey): void {
    for (const id of [...(this.#selected.get(key) ?? [])]) this.#select(id, key, false);
    this.#resolved.delete(key);
    this.#dirtyUse.add(key);
    const policy = this.#selectors.changed(key);
    if (policy === undefined) return;
    for (const bearer of this.#facts.bearers.matching(policy.selector)) {
      const id = idOf(bearer);
      if (id !== undefined && this.#placed.has(id) && isFor(policy, bearer)) this.#select(id, key, true);
    }
  }

  /** An endpoint came, changed, moved or went. */
  #place({ id, before, after, keys }: BearerChange): void {
    const node = nodeOf(after);
    const known = this.#placed.get(id);
    if (before?.kind === 'networkSet' || after?.kind === 'networkSet') return;
    if (known !== undefined && known.node === node && keys?.size === 0) return;
    const wanted =
      node === undefined || after === undefined ? new Set<PolicyKey>() : this.#selectors.of(after);
    if (known !== undefined)
      for (const key of [...known.selecting])
        if (known.node !== node || !wanted.has(key)) this.#select(id, key, false);
    if (node === undefined) {
      this.#placed.delete(id);
      return;
    }
    if (known?.node !== node) this.#placed.set(id, { node, selecting: new Set() });
    for (const key of wanted) this.#select(id, key, true);
  }

  #select(id: string, key: PolicyKey, is: boolean): void {
    const placed = this.#placed.get(id);
    if (placed === undefined || placed.selecting.has(key) === is) return;
    const selecting = placed.selecting as Set<PolicyKey>;
    if (is) selecting.add(key);
    else selecting.delete(key);
    join(this.#selected, key, id, is);
    const { policies } = this.#usesOf(placed.node);
    const count = (policies.get(key) ?? 0) + (is ? 1 : -1);
    if (count > 0) policies.set(key, count);
    else policies.delete(key);
    if (count === (is ? 1 : 0)) this.#use(placed.node, key, is);
  }

  #use(node: string, key: PolicyKey, is: boolean): void {
    join(this.#policyNodes, key, node, is);
    this.#dirtyUse.add(key);
    const news = this.#newsOf(node);
    for (const one of [key, ...(this.#removers.get(key) ?? [])]) turn(news.policies, one, is);
    const uses = this.#usesOf(node);
    for (const id of this.#resolve(key).sets.keys()) {
      const count = (uses.sets.get(id) ?? 0) + (is ? 1 : -1);
      if (count > 0) uses.sets.set(id, count);
      else uses.sets.delete(id);
      if (count !== (is ? 1 : 0)) continue;
      join(this.#setNodes, id, node, is);
      turn(news.sets, id, is);
    }
    if (uses.policies.size === 0) this.#uses.delete(node);
  }

  /** The meaning under which the policy was taken up; kept until everybody has let go of it. */
  #resolve(key: PolicyKey): ResolvedPolicy {
    let resolved = this.#resolved.get(key);
    if (resolved === undefined)
      this.#resolved.set(key, (resolved = resolvePolicy(this.#facts.policies.get(key) as Policy)));
    return resolved;
  }

  #usesOf(node: string) {
    let uses = this.#uses.get(node);
    if (uses === undefined) this.#uses.set(node, (uses = { policies: new Map(), sets: new Map() }));
    return uses;
  }

  #newsOf(node: string): NodeInterest {
    let news = this.#news.get(node);
    if (news === undefined) this.#news.set(node, (news = { policies: noNews(), sets: noNews() }));
    return news;
  }
}

const NOBODY: ReadonlySet<string> = new Set();

const noNews = () => ({ added: new Set<string>(), removed: new Set<string>() });

/** What comes back before anybody was told that it went was never gone. */
function turn({ added, removed }: ReturnType<typeof noNews>, key: string, is: boolean): void {
  const [into, outOf] = is ? [added, removed] : [removed, added];
  if (!outOf.delete(key)) into.add(key);
}

function join(map: Map<string, Set<string>>, key: string, value: string, is: boolean): void {
  const there = map.get(key);
  if (is) {
    if (there === undefined) map.set(key, new Set([value]));
    else there.add(value);
  } else if (there?.delete(value) && there.size === 0) map.delete(key);
}

function idOf(bearer: Bearer): string | undefined {
  if (bearer.kind === 'networkSet') return undefined;
  return `${bearer.kind === 'host' ? 'h' : 'e'}:${bearer.facts.key}`;
}

/** Where policies of the bearer are enforced; undefined: nowhere. */
function nodeOf(bearer: Bearer | undefined): string | undefined {
  if (bearer === undefined || bearer.kind === 'networkSet') return undefined;
  return bearer.kind === 'endpoint' && bearer.facts.hostNetwork ? undefined : bearer.facts.node;
}
