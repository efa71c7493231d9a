import { SnapshotStore } from '@muslin/api';
import {
  type AnyObject,
  encodeGone,
  encodeMembers,
  encodeObject,
  encodeSet,
  encodeSetGone,
  type FanoutThrough,
  keyOf,
  type Sighting,
} from '@muslin/kube';
import { Interests } from '@muslin/policy';
import { type FeedLimits, FEED_LIMITS, NodeFeed } from './node-feed.ts';
import { needsOf, type Topic, topicOf } from './topics.ts';
import { type View, viewOf } from './view.ts';

interface Held {
  readonly kind: string;
  readonly object: AnyObject;
  readonly policyKey: string | undefined;
  readonly topic: Topic | undefined;
  /** Of what everybody needs: what nodes need that it is not about. */
  readonly view: View | undefined;
}

interface Dirty {
  readonly before: Held | undefined;
  readonly after: Held | undefined;
}

/** How many nodes the last flush concerned, and what they were told. */
export interface FlushCount {
  /** Whether a policy came, changed or went: every node has to know how far that reaches. */
  readonly policies: boolean;
  readonly nodes: number;
  readonly bytes: number;
}

/**
 * The cluster once, and for each node that listens what concerns it, in order. No sockets, no clock: sightings in, lines
 * out. Objects go out as the API server wrote them, so that an agent reads them as it reads its own watches; members of
 * sets are worked out here, once for all nodes.
 */
export class Fanout {
  readonly #limits: FeedLimits;
  readonly #store = new SnapshotStore();
  readonly #interests = new Interests();
  readonly #held = new Map<string, Held>();
  readonly #byTopic = new Map<Topic, Set<string>>();
  /** `ns/` and `sa/` topics: how many objects of each node need them. */
  readonly #needs = new Map<Topic, Map<string, number>>();
  readonly #feeds = new Map<string, NodeFeed>();
  /** Where the next feed of a node begins that had one before. */
  readonly #begin = new Map<string, number>();
  readonly #dirty = new Map<string, Dirty>();
  /** By node, the `ns/` and `sa/` topics of which the need came or went since the last flush, and whether it was there. */
  #turned = new Map<string, Map<Topic, boolean>>();
  /** The greatest version of each kind that was worked in. */
  #through: FanoutThrough = {};
  #policySeen = false;
  readonly #setLines = new Map<string, readonly Uint8Array[]>();
  /** Objects as lines, as long as they are current. */
  readonly #lines = new WeakMap<AnyObject, Uint8Array>();

  constructor(limits: FeedLimits = FEED_LIMITS) {
    this.#limits = limits;
    for (const [key, value] of this.#store.snapshot.tiers)
      this.#interests.update({ type: 'tier', key, value });
  }

  /** Bytes kept for agents that are away or slow. */
  get kept(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.bytes, 0);
  }

  /** Takes notes of what a watch showed; `flush` does the work. */
  saw(sighting: Sighting): void {
    const { kind, object, gone, policyKey } = sighting;
    this.#sawVersion(kind, object.metadata.resourceVersion);
    this.#policySeen ||= policyKey !== undefined;
    const key = `${kind} ${keyOf(object)}`;
    const old = this.#held.get(key);
    const now = gone ? undefined : held(sighting);
    const changes = gone ? this.#store.delete(object) : this.#store.upsert(object).changes;
    for (const change of changes) this.#interests.update(change);
    if (old === undefined && now === undefined) return;
    if (!this.#dirty.has(key)) this.#dirty.set(key, { before: old, after: now });
    else this.#dirty.set(key, { before: this.#dirty.get(key)?.before, after: now });
    this.#place(key, old, -1);
    if (now === undefined) this.#held.delete(key);
    else this.#held.set(key, now);
    this.#place(key, now, 1);
  }

  /** How far each kind is worked in, as of the last flush. */
  get through(): FanoutThrough {
    return this.#through;
  }

  #sawVersion(kind: string, version = ''): void {
    if (Number(version) > Number(this.#through[kind] ?? -1))
      this.#through = { ...this.#through, [kind]: version };
  }

  /** The feed of a node; from the first call on, the node is told of changes. Call it between flushes. */
  listen(node: string): NodeFeed {
    let feed = this.#feeds.get(node);
    if (feed === undefined) this.#feeds.set(node, (feed = new NodeFeed(this.#limits, this.#begin.get(node))));
    return feed;
  }

  /** Nobody listens for this node any more. */
  forget(node: string): void {
    const feed = this.#feeds.get(node);
    if (feed !== undefined) this.#begin.set(node, feed.seq + 1);
    this.#feeds.delete(node);
  }

  /** Tells every node that listens what concerns it of all that was seen since the last flush. */
  flush(): FlushCount {
    const news = this.#interests.flush();
    const out = new Map<string, Map<string, readonly Uint8Array[]>>();
    const tell = (node: string, key: string, lines: () => readonly Uint8Array[]) => {
      if (!this.#feeds.has(node)) return;
      const mine = out.get(node) ?? new Map<string, readonly Uint8Array[]>();
      out.set(node, mine.set(key, lines()));
    };
    const upsert = (key: string, node: string) => [this.#line(this.#held.get(key) as Held, node)];
    const gone = once((key: string) => {
      const held = this.#held.get(key) ?? (this.#dirty.get(key)?.before as Held);
      return [encodeGone(held.kind, held.object, held.policyKey)];
    });
    // First what nodes lose, so that whatever they still need for another reason follows.
    const [lost, gained] = this.#turns(news.nodes);
    const before = Map.groupBy(this.#dirty, ([, dirty]) => dirty.before?.topic);
    for (const [node, topic] of lost)
      for (const key of [...(this.#byTopic.get(topic) ?? []), ...(before.get(topic) ?? []).map(([k]) => k)])
        tell(node, key, () => gone(key));
    for (const [key, dirty] of this.#dirty)
      if (dirty.before !== undefined && dirty.before.topic !== dirty.after?.topic)
        for (const node of this.#nodesOf(dirty.before.topic)) tell(node, key, () => gone(key));
    for (const [node, topic] of gained)
      for (const key of this.#byTopic.get(topic) ?? []) tell(node, key, () => upsert(key, node));
    for (const [key, { before, after }] of this.#dirty)
      for (const node of this.#toldOf(before, after)) tell(node, key, () => upsert(key, node));

    for (const id of news.sets.removed) this.#setLines.delete(id);
    for (const [id, change] of news.sets.changed) {
      this.#setLines.delete(id);
      const lines = encodeMembers(id, change);
      for (const node of this.#interests.nodesOfSet(id)) tell(node, `set ${id}`, () => lines);
    }
    for (const [node, { sets }] of news.nodes) {
      for (const id of sets.removed) tell(node, `set ${id}`, () => [encodeSetGone(id)]);
      for (const id of sets.added) tell(node, `set ${id}`, () => this.#whole(id));
    }
    this.#dirty.clear();
    this.#turned = new Map();
    let bytes = 0;
    for (const [node, parts] of out) {
      const lines = [...parts.values()].flat();
      bytes += lines.reduce((sum, line) => sum + line.length, 0);
      this.#feeds.get(node)?.push(lines);
    }
    const policies = this.#policySeen;
    this.#policySeen = false;
    return { nodes: out.size, bytes, policies };
  }

  /** All that a node needs, as of the last flush; nothing may have been seen since. */
  whole(node: string): readonly Uint8Array[] {
    const { policies, sets } = this.#interests.of(node);
    const topics = ['*', `node/${node}`, ...[...policies].map(key => `policy/${key}`)];
    for (const [topic, nodes] of this.#needs) if (nodes.has(node)) topics.push(topic);
    const objects = topics.flatMap(topic => [...(this.#byTopic.get(topic) ?? [])]);
    return [
      ...objects.map(key => this.#line(this.#held.get(key) as Held, node)),
      ...[...sets].flatMap(id => this.#whole(id)),
    ];
  }

  /** Who is told of a change: all that need the object, unless it changed only for the node that it is about. */
  #toldOf(before: Held | undefined, after: Held | undefined): Iterable<string> {
    if (after === undefined) return [];
    const { topic, view } = after;
    const sameForOthers = view !== undefined && view.text === before?.view?.text;
    if (!sameForOthers || before?.topic !== topic) return this.#nodesOf(topic);
    return view.owner === undefined ? [] : [view.owner];
  }

  /** An object as a node is told of it; what many are told is written once. */
  #line({ kind, object, policyKey, topic, view }: Held, node: string): Uint8Array {
    const whole = view === undefined || view.owner === node;
    if (whole && (view !== undefined || topic?.startsWith('node/')))
      return encodeObject(kind, object, policyKey);
    const told = whole ? object : view.rest;
    let line = this.#lines.get(told);
    if (line === undefined) this.#lines.set(told, (line = encodeObject(kind, told, policyKey)));
    return line;
  }

  #whole(id: string): readonly Uint8Array[] {
    let lines = this.#setLines.get(id);
    if (lines === undefined)
      this.#setLines.set(id, (lines = encodeSet(id, this.#interests.sets.get(id)?.members ?? new Set())));
    return lines;
  }

  /** Files an object under its topic, and what its node needs because of it; `step` −1 takes it out. */
  #place(key: string, held: Held | undefined, step: 1 | -1): void {
    if (held?.topic === undefined) return;
    const there = this.#byTopic.get(held.topic) ?? new Set();
    if (step === 1) this.#byTopic.set(held.topic, there.add(key));
    else if (there.delete(key) && there.size === 0) this.#byTopic.delete(held.topic);
    if (!held.topic.startsWith('node/')) return;
    const node = held.topic.slice('node/'.length);
    for (const topic of needsOf(held)) {
      const nodes = this.#needs.get(topic) ?? new Map<string, number>();
      const count = nodes.get(node) ?? 0;
      const turned = this.#turned.get(node) ?? new Map<Topic, boolean>();
      if (!turned.has(topic)) this.#turned.set(node, turned.set(topic, count > 0));
      if (count + step > 0) this.#needs.set(topic, nodes.set(node, count + step));
      else if (nodes.delete(node) && nodes.size === 0) this.#needs.delete(topic);
    }
  }

  /** Which nodes no longer need which topics, and which newly do. */
  #turns(interest: ReturnType<Interests['flush']>['nodes']) {
    const lost: (readonly [string, Topic])[] = [];
    const gained: (readonly [string, Topic])[] = [];
    for (const [node, topics] of this.#turned)
      for (const [topic, was] of topics) {
        const is = this.#needs.get(topic)?.has(node) ?? false;
        if (was && !is) lost.push([node, topic]);
        if (!was && is) gained.push([node, topic]);
      }
    for (const [node, { policies }] of interest) {
      for (const key of policies.removed) lost.push([node, `policy/${key}`]);
      for (const key of policies.added) gained.push([node, `policy/${key}`]);
    }
    return [lost, gained] as const;
  }

  #nodesOf(topic: Topic | undefined): Iterable<string> {
    if (topic === undefined) return [];
    if (topic === '*') return this.#feeds.keys();
    const at = topic.indexOf('/');
    const [type, rest] = [topic.slice(0, at), topic.slice(at + 1)];
    if (type === 'node') return [rest];
    return type === 'policy' ? this.#interests.nodesOfPolicy(rest) : (this.#needs.get(topic)?.keys() ?? []);
  }
}

function held(sighting: Sighting): Held {
  const { kind, object, policyKey } = sighting;
  return { kind, object, policyKey, topic: topicOf(sighting), view: viewOf(kind, object) };
}

/** The same answer for the same key, worked out at the first question. */
function once<T>(answer: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return key => {
    if (!known.has(key)) known.set(key, answer(key));
    return known.get(key) as T;
  };
}
