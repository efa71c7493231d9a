import { formatIp, formatPrefix, type Ip, mustIp, type Prefix } from '@muslin/net';
import type { Pool } from '@muslin/api';
import {
  addressesOf,
  type Allocation,
  type AllocationRequest,
  allocate,
  type CheckReport,
  check,
  claimBlock,
  type Effect,
  type Input,
  type LeakProof,
  type Machine,
  type MachineState,
  parseOwner,
  type PodFacts,
  type Problem,
  type BlockOwner,
  releasable,
  releaseBlock,
  releaseByHandle,
  releaseLeak,
  type Released,
  type Settled,
  settleKept,
} from '../src/index.ts';
import { NOW, type World } from './world.ts';

/** What an actor has to do, one after the other. */
export type Job =
  | { readonly do: 'add'; readonly request: AllocationRequest }
  | { readonly do: 'del'; readonly pod: string; readonly handleId: string }
  /** The garbage collector looks now and releases later; its second witness knows all nodes as they are now. */
  | { readonly do: 'collect' }
  /** The pod is deleted by force: the API server has it no more, and it runs on. */
  | { readonly do: 'vanish'; readonly pod: string }
  /** The node reports which addresses its kernel has. */
  | { readonly do: 'tell'; readonly node: string }
  /** The collector notes what looks lost. */
  | { readonly do: 'look' }
  /** It releases what it noted and what reports that were written `after` that note do not have; or any report. */
  | { readonly do: 'sweep'; readonly reports: 'after' | 'any' }
  | { readonly do: 'give-up'; readonly node: string; readonly cidr: Prefix }
  /** The node gives out an address that it keeps, without asking; it does without when it has none in hand. */
  | { readonly do: 'take'; readonly request: AllocationRequest }
  /** The node writes down what it gave out of a block, and keeps so many. */
  | { readonly do: 'settle'; readonly node: string; readonly cidr: Prefix; readonly keep: number };

/** Someone who works alone and may die between any two requests. */
export interface Actor {
  readonly name: string;
  readonly jobs: readonly Job[];
  /** What a new life does after a death during an `add`: the kubelet's DEL, or the pod is gone without one. */
  readonly afterCrash: 'del' | 'forget' | 'retry';
  readonly mayCrash: boolean;
}

type AnyMachine = Machine<Allocation | Released | unknown>;

interface Seat {
  readonly actor: Actor;
  readonly jobs: readonly Job[];
  readonly machine: AnyMachine | undefined;
  readonly state: MachineState | undefined;
  readonly effect: Effect | undefined;
  /** Identity of all answers of this life. */
  readonly trail: string;
  /** Proofs still to be acted on. */
  readonly proofs: readonly LeakProof[];
  /** Kept addresses in hand. */
  readonly hand: readonly string[];
  /** Given out of it and not written down, by address; on disk, so a death leaves it. */
  readonly given: ReadonlyMap<string, AllocationRequest>;
  /** Of these: what a settling under way writes down. */
  readonly telling: ReadonlySet<string>;
  /** The world when the work under way began: what a cache that lags may still show. */
  readonly past: World | undefined;
  /** Lives that looked lost at the collector's last look. */
  readonly noted: ReadonlySet<string>;
}

interface Node {
  readonly world: World;
  readonly seats: readonly Seat[];
  /** Addresses that pods use: text → handle. */
  readonly live: ReadonlyMap<string, string>;
  /** Pods that the API server has, by name → request. */
  readonly pods: ReadonlyMap<string, AllocationRequest>;
  readonly crashes: number;
  /** Answers that may still come from a cache that lags. */
  readonly stale: number;
  /** What nodes said last, and whether that was after the collector's last look. */
  readonly told: ReadonlyMap<string, { readonly has: ReadonlySet<string>; readonly after: boolean }>;
  readonly died: boolean;
}

/** What was found by exploring. */
export interface Explored {
  readonly states: number;
  readonly ends: number;
  /** Ends where some pod could not get an address. */
  readonly refusals: number;
  /** Ends with at least one leak. */
  readonly leaky: number;
  /** Addresses that were given out without asking. */
  readonly taken: number;
  /** Of these: while a settling was under way. */
  readonly inFlight: number;
  /** Addresses that were freed on the word of a node that lives. */
  readonly swept: number;
}

const jobPods = (request: AllocationRequest) => (request.owner.type === 'pod' ? request.owner.name : '');

/** Every interleaving of the actors' requests, with up to `crashes` deaths, of a small world. */
export class Explorer {
  readonly #pools: readonly Pool[];
  readonly #seen = new Set<string>();
  readonly #ids = new Map<string, number>();
  readonly #objectIds = new WeakMap<object, number>();
  #ends = 0;
  #refusals = 0;
  #leaky = 0;
  #taken = 0;
  #inFlight = 0;
  #swept = 0;

  constructor(pools: readonly Pool[]) {
    this.#pools = pools;
  }

  /** `stale`: how many answers may come from a cache that lags. */
  explore(world: World, actors: readonly Actor[], crashes: number, stale = 0): Explored {
    const start = this.#node(world, actors, crashes, stale);
    const open = [start];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const next = this.#successors(node);
      if (next.length === 0) this.#atEnd(node);
      for (const successor of next) {
        const key = this.#keyOf(successor);
        if (this.#seen.has(key)) continue;
        this.#seen.add(key);
        open.push(successor);
      }
    }
    return {
      ...{ states: this.#seen.size, ends: this.#ends, refusals: this.#refusals },
      ...{ leaky: this.#leaky, taken: this.#taken, inFlight: this.#inFlight, swept: this.#swept },
    };
  }

  /** One random walk; `random` in [0, 1). */
  walk(world: World, actors: readonly Actor[], crashes: number, random: () => number, stale = 0): void {
    let node = this.#node(world, actors, crashes, stale);
    for (;;) {
      const next = this.#successors(node);
      if (next.length === 0) break;
      node = next[Math.floor(random() * next.length)] as Node;
    }
    this.#atEnd(node);
  }

  #node(world: World, actors: readonly Actor[], crashes: number, stale: number): Node {
    const seats = actors.map(actor => ({
      actor,
      jobs: actor.jobs,
      machine: undefined,
      state: undefined,
      effect: undefined,
      trail: '',
      proofs: [],
      hand: [],
      given: new Map<string, AllocationRequest>(),
      telling: new Set<string>(),
      past: undefined,
      noted: new Set<string>(),
    }));
    const pods = new Map<string, AllocationRequest>();
    for (const { jobs } of actors)
      for (const job of jobs)
        if (job.do === 'add' || job.do === 'take') pods.set(jobPods(job.request), job.request);
    return { world, seats, live: new Map(), pods, crashes, stale, told: new Map(), died: false };
  }

  #successors(node: Node): Node[] {
    const next: Node[] = [];
    node.seats.forEach((seat, i) => {
      if (seat.effect === undefined || seat.machine === undefined || seat.state === undefined) {
        if (seat.proofs.length > 0 || seat.jobs.length > 0) next.push(this.#begin(node, i));
        return;
      }
      const world = node.world.clone();
      const input = world.perform(seat.effect);
      const after = this.#stepped({ ...node, world }, i, seat, input);
      next.push(after);
      // The node gives out what it has in hand while an answer is under way.
      const [running, coming] = seat.jobs;
      if (running?.do === 'settle' && running.keep > 0 && coming?.do === 'take' && seat.hand.length > 0) {
        this.#inFlight++;
        next.push(this.#take(node, i, seat, coming.request, [running, ...seat.jobs.slice(2)]));
      }
      if (node.stale > 0 && seat.past !== undefined && isReading(seat.effect)) {
        const old = seat.past.clone().perform(seat.effect);
        if (JSON.stringify(old) !== JSON.stringify(input))
          next.push(this.#stepped({ ...node, stale: node.stale - 1, died: true }, i, seat, old));
      }
      // Of several at once, any number may have been performed.
      if (node.crashes > 0 && seat.actor.mayCrash && seat.effect.type === 'all')
        for (let some = 1; some < seat.effect.requests.length; some++) {
          const part = node.world.clone();
          part.perform({ type: 'all', requests: seat.effect.requests.slice(0, some) });
          next.push(this.#crash({ ...node, world: part }, i));
        }
      // Death before the request was sent, and after it was performed: the answer is lost.
      if (node.crashes > 0 && seat.actor.mayCrash)
        next.push(this.#crash(node, i), this.#crash({ ...node, world }, i), this.#twice(node, i, seat));
    });
    return next;
  }

  /** The request is performed, its answer is lost, and it is sent again. */
  #twice(node: Node, i: number, seat: Seat): Node {
    const world = node.world.clone();
    world.perform(seat.effect as Effect);
    const input = world.perform(seat.effect as Effect);
    return this.#stepped({ ...node, world, crashes: node.crashes - 1, died: true }, i, seat, input);
  }

  #begin(node: Node, i: number): Node {
    const seat = node.seats[i] as Seat;
    const [proof, ...proofs] = seat.proofs;
    if (proof !== undefined)
      return this.#run(node, i, { ...seat, proofs }, releaseLeak(proof, { now: NOW, cooldownMs: 0 }));
    const [job, ...jobs] = seat.jobs as [Job, ...Job[]];
    const left = { ...seat, jobs };
    switch (job.do) {
      case 'add':
        return this.#run(node, i, { ...seat }, allocate(job.request));
      case 'del': {
        // The pod ends: from here on nobody uses its addresses.
        const live = new Map([...node.live].filter(([, handle]) => handle !== job.handleId));
        const pods = new Map(node.pods);
        pods.delete(job.pod);
        return this.#run(
          { ...node, live, pods },
          i,
          left,
          releaseByHandle(job.handleId, { now: NOW, cooldownMs: 0 }),
        );
      }
      case 'collect': {
        const found = releasable(this.report(node));
        if (!found.ok) throw new Error(found.fault.message);
        return this.#seat(node, i, {
          ...left,
          proofs: found.value,
          trail: `${seat.trail};c${found.value.length}`,
        });
      }
      case 'give-up': {
        const owner = { type: 'host', name: job.node } as const;
        const time = { now: NOW, cooldownMs: 0, requireEmpty: true };
        return this.#run(node, i, left, releaseBlock(job.cidr, owner, time));
      }
      case 'take':
        return this.#take(node, i, seat, job.request, jobs);
      case 'vanish': {
        const pods = new Map(node.pods);
        pods.delete(job.pod);
        return this.#seat({ ...node, pods }, i, { ...left, trail: `${seat.trail};v` });
      }
      case 'tell': {
        const requests = new Map(node.seats.flatMap(({ actor }) => actor.jobs.flatMap(requestIn)));
        const has = [...node.live].filter(([, handle]) => requests.get(handle)?.node.name === job.node);
        const told = new Map([
          ...node.told,
          [
            job.node,
            { has: new Set(has.map(([ip]) => ip)), after: node.seats.some(each => each.noted.size > 0) },
          ],
        ]);
        return this.#seat({ ...node, told }, i, { ...left, trail: `${seat.trail};w` });
      }
      case 'look': {
        const noted = new Set(this.report(node, new Map()).leaks.map(lifeOf));
        const told = new Map([...node.told].map(([name, said]) => [name, { ...said, after: false }]));
        return this.#seat({ ...node, told }, i, { ...left, noted, trail: `${seat.trail};l` });
      }
      case 'sweep': {
        const words = [...node.told].filter(([, { after }]) => after || job.reports === 'any');
        const onHost = new Map(words.map(([name, { has }]) => [name, has]));
        const found = releasable(this.report(node, onHost));
        if (!found.ok) throw new Error(found.fault.message);
        const proofs = found.value.filter(proof => seat.noted.has(lifeOf(proof)));
        this.#swept += proofs.length;
        return this.#seat(node, i, { ...left, proofs, trail: `${seat.trail};s${proofs.length}` });
      }
      case 'settle': {
        const given = [...seat.given].map(([text, { handleId, owner }]) => ({
          ...{ ip: mustIp(text), handleId, owner, at: NOW },
        }));
        // Who gives everything back gives nothing out meanwhile.
        const pinned = job.keep === 0 ? [] : seat.hand.map(mustIp);
        const work = settleKept({
          ...{ block: job.cidr, node: job.node, given, pinned, keep: job.keep },
          ...{ reservations: [], cooldownMs: 0, now: NOW },
        });
        // It stays in the list while it runs: a new life begins it again.
        return this.#run(node, i, { ...seat, telling: new Set(seat.given.keys()) }, work);
      }
      default:
        return job satisfies never;
    }
  }

  /** Gives out an address in hand; `jobs` is what remains to be done. */
  #take(node: Node, i: number, seat: Seat, request: AllocationRequest, jobs: readonly Job[]): Node {
    const [text, ...hand] = seat.hand;
    if (text === undefined) {
      this.#refusals++;
      const pods = new Map(node.pods);
      pods.delete(jobPods(request));
      return this.#seat({ ...node, pods }, i, { ...seat, jobs, trail: `${seat.trail};-` });
    }
    const other = node.live.get(text);
    if (other !== undefined) throw new Error(`${text} was given out while ${other} has it`);
    const live = new Map([...node.live, [text, request.handleId]]);
    const given = new Map([...seat.given, [text, request]]);
    this.#taken++;
    return this.#verified(
      this.#seat({ ...node, live }, i, { ...seat, jobs, hand, given, trail: `${seat.trail};t` }),
    );
  }

  #run(node: Node, i: number, seat: Seat, work: AnyMachine): Node {
    const step = work.begin();
    if (step.effect.type === 'done') throw new Error('a machine without effects');
    return this.#seat(node, i, {
      ...seat,
      machine: work,
      state: step.state,
      effect: step.effect,
      past: node.stale > 0 ? node.world.clone() : undefined,
      trail: `${seat.jobs.length}/${seat.proofs.length}:`,
    });
  }

  #stepped(node: Node, i: number, seat: Seat, input: Input): Node {
    const step = (seat.machine as AnyMachine).step(seat.state as MachineState, input);
    const { effect, state } = step;
    if (effect.type !== 'done')
      return this.#verified(
        this.#seat(node, i, { ...seat, state, effect, trail: `${seat.trail},${this.#inputId(input)}` }),
      );
    const job = seat.jobs[0];
    const idle = { ...seat, past: undefined, machine: undefined, state: undefined, effect: undefined };
    // `add` stays in the list while it runs, so that a death knows what was under way.
    const adding =
      job?.do === 'add' &&
      seat.trail.startsWith(`${seat.jobs.length}/0:`) &&
      'addresses' in (effect.outcome.ok ? (effect.outcome.value as object) : {});
    if (adding && job.do === 'add' && effect.outcome.ok) {
      const live = new Map(node.live);
      for (const { ip } of (effect.outcome.value as Allocation).addresses) {
        const text = formatIp(ip);
        const other = live.get(text);
        if (other !== undefined && other !== job.request.handleId)
          throw new Error(`${text} was given to ${job.request.handleId} while ${other} has it`);
        live.set(text, job.request.handleId);
      }
      return this.#verified(
        this.#seat({ ...node, live }, i, { ...idle, jobs: seat.jobs.slice(1), trail: 'ok' }),
      );
    }
    if (effect.outcome.ok && isSettled(effect.outcome.value)) {
      const { kept, lost } = effect.outcome.value;
      if (lost.length > 0) throw new Error(`lost ${lost.map(life => formatIp(life.ip)).join()}`);
      const given = new Map([...seat.given].filter(([text]) => !seat.telling.has(text)));
      const hand = kept.map(formatIp).filter(text => !given.has(text));
      const done = { ...idle, jobs: seat.jobs.slice(1), hand, given, telling: new Set<string>() };
      return this.#verified(this.#seat(node, i, { ...done, trail: 'settled' }));
    }
    if (!effect.outcome.ok && job?.do === 'add' && isAdd(seat)) {
      this.#refusals++;
      const pods = new Map(node.pods);
      pods.delete(jobPods(job.request));
      return this.#verified(
        this.#seat({ ...node, pods }, i, { ...idle, jobs: seat.jobs.slice(1), trail: 'refused' }),
      );
    }
    return this.#verified(this.#seat(node, i, { ...idle, trail: 'done' }));
  }

  #crash(node: Node, i: number): Node {
    const seat = node.seats[i] as Seat;
    const fresh = {
      ...seat,
      machine: undefined,
      state: undefined,
      effect: undefined,
      proofs: [],
      past: undefined,
      telling: new Set<string>(),
      trail: 'crashed',
    };
    const job = seat.jobs[0];
    const pods = new Map(node.pods);
    // The new life reads the blocks, and its disk.
    const hand = node.world.keptBy(seat.actor.name).filter(text => !seat.given.has(text));
    let jobs = seat.jobs;
    if (job?.do === 'add' && isAdd(seat)) {
      const pod = jobPods(job.request);
      if (seat.actor.afterCrash === 'del')
        jobs = [{ do: 'del', pod, handleId: job.request.handleId }, ...jobs.slice(1)];
      if (seat.actor.afterCrash === 'forget') {
        jobs = jobs.slice(1);
        pods.delete(pod);
      }
    }
    return {
      ...this.#seat({ ...node, pods }, i, { ...fresh, hand, jobs }),
      crashes: node.crashes - 1,
      died: true,
    };
  }

  /** The report of `check` for what the cluster is like now. */
  report(node: Node, said?: ReadonlyMap<string, ReadonlySet<string>>): CheckReport {
    const onHost = new Map<string, Set<string>>();
    const pods = new Map<string, PodFacts>();
    for (const [name, request] of node.pods) {
      const ips: Ip[] = [];
      for (const block of node.world.blocks())
        for (const { ip } of addressesOf(block))
          if (node.live.get(formatIp(ip)) === request.handleId) ips.push(ip);
      pods.set(`web/${name}`, { namespace: 'web', name, uid: `uid-${name}`, node: request.node.name, ips });
      const own = onHost.get(request.node.name) ?? new Set();
      for (const ip of ips) own.add(formatIp(ip));
      onHost.set(request.node.name, own);
    }
    for (const { actor } of node.seats) if (!onHost.has(actor.name)) onHost.set(actor.name, new Set());
    const nodes = new Set(onHost.keys());
    return check(node.world.objects.values(), this.#pools, {
      pods,
      nodes,
      onHost: said ?? onHost,
      now: NOW,
      graceMs: 0,
    });
  }

  #verified(node: Node): Node {
    const holders = new Map<string, string | undefined>();
    const blocks = node.world.blocks();
    const cidrs = new Set<string>();
    for (const block of blocks) {
      if (cidrs.has(formatPrefix(block.cidr))) throw new Error(`two blocks ${formatPrefix(block.cidr)}`);
      cidrs.add(formatPrefix(block.cidr));
      for (const { ip, attribute } of addressesOf(block)) holders.set(formatIp(ip), attribute.handleId);
    }
    const untold = new Set(node.seats.flatMap(({ given }) => [...given.keys()]));
    for (const [ip, handle] of node.live)
      if (holders.get(ip) !== handle && !(untold.has(ip) && !holders.has(ip)))
        throw new Error(`${ip} is used by ${handle}, and the store says ${holders.get(ip) ?? 'free'}`);
    return node;
  }

  /** Everything has ended: what is left over must be found, provable, and freed without harm to the living. */
  #atEnd(end: Node): void {
    this.#ends++;
    const node = { ...end, world: end.world.clone() };
    const before = this.report(node);
    const trace =
      before.problems.find(p => p.code === 'dangling-handle' || p.code === 'orphan') ?? before.leaks[0];
    if (!node.died && trace !== undefined) throw new Error(`nobody died, and yet: ${JSON.stringify(trace)}`);
    const dead = [...node.world.blocks().flatMap(addressesOf)].filter(
      ({ ip }) => !node.live.has(formatIp(ip)),
    );
    const leaked = before.leaks.map(leak => formatIp(leak.ip)).sort();
    const expected = dead.map(({ ip }) => formatIp(ip)).sort();
    if (leaked.join() !== expected.join())
      throw new Error(`leaks ${expected.join()} were reported as ${leaked.join()}`);
    if (leaked.length > 0) this.#leaky++;
    const proofs = releasable(before);
    if (!proofs.ok || proofs.value.length !== leaked.length) throw new Error('a leak has no proof');
    for (const proof of proofs.value) this.#finish(node, releaseLeak(proof, { now: NOW, cooldownMs: 0 }));
    const living = new Set(node.live.values());
    for (const problem of this.report(node).problems) this.#repair(node, problem, living);
    this.#verified(node);
    const after = this.report(node);
    if (after.leaks.length > 0 || after.inUse !== node.live.size)
      throw new Error('something is still leaked');
    // A living handle may count too much after a death and a second try; its release takes that along.
    const left = after.problems.filter(p => p.code !== 'dangling-handle' || !living.has(p.handleId));
    if (left.length > 0) throw new Error(`left over: ${JSON.stringify(left)}`);
  }

  /** What a controller does about a problem that a death left. */
  #repair(node: Node, problem: Problem, living: ReadonlySet<string>): void {
    const time = { now: NOW, cooldownMs: 0 };
    switch (problem.code) {
      case 'dangling-handle':
        if (!living.has(problem.handleId)) this.#finish(node, releaseByHandle(problem.handleId, time));
        return;
      case 'unfinished-affinity':
      case 'affinity-without-block':
        this.#finish(
          node,
          releaseBlock(problem.block, ownerOf(problem.owner), { ...time, requireEmpty: true }),
          ['in-use'],
        );
        return;
      case 'block-without-affinity':
        this.#finish(
          node,
          claimBlock(problem.block, ownerOf(problem.owner), { now: NOW, strictAffinity: false }),
        );
        return;
      default:
        throw new Error(`left over: ${JSON.stringify(problem)}`);
    }
  }

  #finish(node: Node, work: AnyMachine, allowed: readonly string[] = []): void {
    let step = work.begin();
    while (step.effect.type !== 'done') step = work.step(step.state, node.world.perform(step.effect));
    const { outcome } = step.effect;
    if (!outcome.ok && !allowed.includes(outcome.fault.code)) throw new Error(outcome.fault.message);
  }

  #seat(node: Node, i: number, seat: Seat): Node {
    return { ...node, seats: node.seats.map((old, k) => (k === i ? seat : old)) };
  }

  #inputId(input: Input): number {
    if (input.type === 'all')
      return this.#intern(`a${input.answers.map(answer => this.#inputId(answer)).join()}`);
    const shape =
      input.type === 'found' || input.type === 'written'
        ? `${input.type}${this.#objectId(input.object)}`
        : input.type === 'listed'
          ? `l${input.objects.map(object => this.#objectId(object)).join()}`
          : input.type;
    return this.#intern(shape);
  }

  #objectId(object: object): number {
    let id = this.#objectIds.get(object);
    if (id === undefined) this.#objectIds.set(object, (id = this.#intern(JSON.stringify(object))));
    return id;
  }

  #intern(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) this.#ids.set(text, (id = this.#ids.size));
    return id;
  }

  #keyOf(node: Node): string {
    const objects = [...node.world.objects.values()].map(object => this.#objectId(object)).sort();
    const seats = node.seats.map(
      seat =>
        `${seat.jobs.length}${seat.jobs[0]?.do}${seat.proofs.length}|${seat.trail}|${seat.hand.join()}|${[...seat.given.keys()].join()}|${[...seat.noted].join()}|${seat.past === undefined ? '' : this.#intern(seat.past.key())}`,
    );
    const live = [...node.live].map(([ip, handle]) => `${ip}=${handle}`).sort();
    const told = [...node.told].map(([name, { has, after }]) => `${name}=${[...has].join()}${after}`).sort();
    return [
      ...[objects, seats, live, told, [...node.pods.keys()].sort()],
      ...[node.crashes, node.stale, node.died],
    ].join(' ');
  }
}

function isAdd(seat: Seat): boolean {
  return seat.jobs[0]?.do === 'add' && seat.proofs.length === 0;
}

function isSettled(value: unknown): value is Settled {
  return typeof value === 'object' && value !== null && 'lost' in value;
}

function ownerOf(text: string): BlockOwner {
  const owner = parseOwner(text);
  if (owner === undefined) throw new Error(text);
  return owner;
}

function isReading(effect: Effect): boolean {
  return effect.type === 'read' || effect.type === 'list';
}

function requestIn(job: Job): readonly (readonly [string, AllocationRequest])[] {
  return job.do === 'add' || job.do === 'take' ? [[job.request.handleId, job.request]] : [];
}

/** One life of an address. */
function lifeOf({
  ip,
  handleId,
  sequence,
}: Pick<LeakProof, 'ip' | 'sequence'> & { handleId: string | undefined }) {
  return `${formatIp(ip)} ${handleId} ${sequence}`;
}
