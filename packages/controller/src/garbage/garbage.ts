import { claimBlock, DEFAULT_BREAKER, drive, releaseBlock, releaseLeak } from '@muslin/ipam';
import { type AnyObject, ipamStore, type KubeClient, type Note, RESOURCES } from '@muslin/kube';
import { formatIp, formatPrefix } from '@muslin/net';
import { aboutNode, blockNote, notesOf } from '../address-notes.ts';
import { type EmptySince, emptyBlocks } from './empty-blocks.ts';
import {
  type Candidate,
  type Care,
  confirm,
  judge,
  lifeOf,
  NOTHING_SEEN,
  type Refusal,
  type Release,
  remember,
  type Word,
} from './judge.ts';
import { hear, kernelWords, type NodeReport, type NodeReports } from './node-reports.ts';
import { type ClusterLook, podFacts, readCluster } from './read-cluster.ts';
import { Tally, usageText } from './tally.ts';
import { unannouncedBlocks } from './unannounced-blocks.ts';

/** What collecting garbage takes. */
export interface GarbageOptions {
  readonly client: KubeClient;
  /** `free`: frees. `dry-run`: looks, counts and tells. `off`: only counts how addresses are used. */
  readonly mode: 'free' | 'dry-run' | 'off';
  readonly reports: NodeReports;
  readonly log: (line: string) => void;
  readonly tell: (note: Note) => void;
  readonly now: () => number;
}

/** An address that was freed, and what to say of it. */
interface Freed {
  readonly release: Release;
  readonly line: string;
}

/** Performs what `judge` decides, and counts it. One look at a time; each reads the whole cluster afresh. */
export class Garbage {
  readonly #options: GarbageOptions;
  #state = NOTHING_SEEN;
  #emptySince: EmptySince = new Map();
  #unannounced: ReadonlySet<string> = new Set();
  #told = new Set<string>();
  #usage = '';
  #candidates = new Tally();
  readonly #reclaimed = new Tally();
  readonly #refused = new Tally();

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  /** One look; a sentence when it could not be finished. */
  async reconcile(): Promise<string | undefined> {
    const { client, mode, reports, now } = this.#options;
    const look = await readCluster(client);
    if (!look.ok) return look.fault;
    this.#usage = usageText(look.value);
    const { graceMs, objects, pods, nodes } = look.value;
    // Calico: leakGracePeriod 0 switches the collection off.
    if (mode === 'off' || graceMs === 0) return undefined;
    const care: Care = { graceMs, breaker: DEFAULT_BREAKER };
    // After pods and addresses: what a node writes from here on is later than all that this look saw.
    const told = await reports.all();
    if (!told.ok) return told.fault;
    const { heard, words } = hear(told.value, this.#state.heard, this.#state.at, now());
    const word: Word = { pods, nodes, ...words };
    const judged = judge(objects, word, now(), { ...this.#state, heard }, care);
    this.#state = judged.state;
    this.#candidates = new Tally();
    for (const { pool, node } of judged.candidates) this.#candidates.add({ ippool: pool, node });
    this.#tellRefusals(judged.refusals, nodes);
    const freed: Freed[] = [];
    let fault: string | undefined;
    for (const release of judged.releases) {
      fault = await this.#carryOut(release, look.value, care, freed);
      if (fault !== undefined) break;
    }
    this.#tellFreed(freed, nodes);
    if (fault !== undefined) return fault;
    await this.#announce(look.value);
    return this.#giveUpEmpty(look.value);
  }

  /** Prometheus text format 0.0.4. */
  metrics(): string {
    return [
      this.#usage,
      this.#candidates.text('ipam_allocations_gc_candidates', 'gauge', 'Addresses that look lost.'),
      this.#reclaimed.text('ipam_allocations_gc_reclamations', 'counter', 'Lost addresses that were freed.'),
      this.#refused.text(
        'muslin_ipam_gc_refused_total',
        'counter',
        'Lost addresses that are kept, by reason.',
      ),
    ].join('');
  }

  /** The fresh reads: of each holder and its node, one by one, right before the release. */
  async #carryOut(
    release: Release,
    { nodes, config }: ClusterLook,
    care: Care,
    freed: Freed[],
  ): Promise<string | undefined> {
    const { client, mode, now } = this.#options;
    const fresh = await this.#ask(release);
    if (typeof fresh === 'string') return fresh;
    const sure = confirm(release, fresh, now(), care);
    if (!sure.ok) {
      this.#refused.add({ ippool: release.pool, node: release.node, reason: 'came-back' });
      this.#say(release, nodes, 'Warning', 'AddressKept', sure.fault);
      return undefined;
    }
    for (const { proof } of release.addresses) {
      const why = `${formatIp(proof.ip)} of ${proof.handleId}: ${proof.evidence.map(({ message }) => message).join('; ')}`;
      if (mode === 'dry-run') {
        if (this.#isNews(`dry-run ${lifeOf(proof)}`))
          this.#say(release, nodes, 'Normal', 'AddressLost', `would free ${why}`);
        continue;
      }
      const done = await drive(
        releaseLeak(proof, { now: now(), cooldownMs: config.cooldownMs }),
        ipamStore(client),
      );
      if (!done.ok && done.fault.code === 'stale') {
        this.#options.log(`ipam garbage: ${done.fault.message}: left alone`);
        continue;
      }
      if (!done.ok) return done.fault.message;
      this.#state = remember(this.#state, 1, now());
      this.#reclaimed.add({ ippool: release.pool, node: release.node });
      this.#options.log(`ipam garbage: freed ${why}`);
      freed.push({ release, line: `freed ${why}` });
    }
    return undefined;
  }

  async #ask(release: Release): Promise<Word | string> {
    const { client, reports } = this.#options;
    const told = new Map<string, NodeReport>();
    const pods = new Map<string, NonNullable<ReturnType<typeof podFacts>>>();
    const nodes = new Set<string>();
    for (const { address } of release.addresses) {
      const { namespace, pod: name, node } = address.attribute.secondary;
      if (namespace !== undefined && name !== undefined) {
        const pod = await client.get<AnyObject>(RESOURCES.Pod, { namespace, name });
        if (!pod.ok && pod.fault.code !== 'NotFound') return pod.fault.message;
        const facts = pod.ok ? podFacts(pod.value) : undefined;
        if (facts !== undefined) pods.set(`${namespace}/${name}`, facts);
      }
      if (node === undefined) continue;
      const found = await client.get<AnyObject>(RESOURCES.Node, { name: node });
      if (!found.ok && found.fault.code !== 'NotFound') return found.fault.message;
      if (found.ok) nodes.add(node);
      const report = await reports.one(node);
      if (!report.ok) return report.fault;
      // What a node said last before it was lost is no veto for ever.
      if (report.value !== undefined && found.ok) told.set(node, report.value);
    }
    return { pods, nodes, ...kernelWords([...told.values()]), writtenAfter: new Map() };
  }

  async #giveUpEmpty({ objects, nodes, config }: ClusterLook): Promise<string | undefined> {
    const { client, mode, log, now } = this.#options;
    const time = { now: now(), cooldownMs: config.cooldownMs };
    const found = emptyBlocks(objects.inventory, objects.pools, nodes, this.#emptySince, time);
    this.#emptySince = found.seen;
    for (const { cidr, owner } of found.release) {
      const text = `empty block ${formatPrefix(cidr)} of node ${owner.name}`;
      if (mode === 'dry-run') {
        if (this.#isNews(`dry-run ${text}`)) log(`ipam garbage: would give back ${text}`);
        continue;
      }
      const done = await drive(releaseBlock(cidr, owner, { ...time, requireEmpty: true }), ipamStore(client));
      // Somebody took an address of it meanwhile: it is not empty any more, and the look was right to be careful.
      if (!done.ok && done.fault.code !== 'in-use') return done.fault.message;
      log(`ipam garbage: ${text}: ${done.ok ? done.value : done.fault.message}`);
      const why = 'it was seen empty twice, a minute apart, and the node can do without';
      const note = done.ok
        ? blockNote(aboutNode(owner.name), cidr, `node ${owner.name}`, done.value, why)
        : undefined;
      if (note !== undefined) this.#options.tell(note);
    }
    return undefined;
  }

  /** Writes the BlockAffinity of a block anew that lost it; what can't be is told, and keeps nothing else from its turn. */
  async #announce({ objects, config: { strictAffinity } }: ClusterLook): Promise<void> {
    const { client, mode, log, now } = this.#options;
    const found = unannouncedBlocks(objects.inventory, this.#unannounced);
    this.#unannounced = found.seen;
    for (const { cidr, owner } of found.announce) {
      const text = `BlockAffinity of node ${owner.name} for its block ${formatPrefix(cidr)}`;
      if (mode === 'dry-run') {
        if (this.#isNews(`dry-run ${text}`)) log(`ipam garbage: would write the ${text} anew`);
        continue;
      }
      const done = await drive(claimBlock(cidr, owner, { now: now(), strictAffinity }), ipamStore(client));
      log(
        `ipam garbage: the ${text} was gone${done.ok ? ', and is written anew' : `: ${done.fault.message}`}`,
      );
    }
  }

  #tellRefusals(refusals: readonly Refusal[], nodes: ReadonlySet<string>): void {
    const still = new Set<string>();
    for (const { candidate, code, message } of refusals) {
      const key = `${code} ${lifeOf(candidate.leak)}`;
      still.add(key);
      if (this.#told.has(key)) continue;
      this.#refused.add({ ippool: candidate.pool, node: candidate.node, reason: code });
      this.#say(
        candidate,
        nodes,
        'Warning',
        'AddressKept',
        `${formatIp(candidate.leak.ip)} is kept: ${message}`,
      );
    }
    this.#told = new Set([...still, ...[...this.#told].filter(key => key.startsWith('dry-run '))]);
  }

  #isNews(key: string): boolean {
    if (this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }

  /** A log entry, and an Event on the node while there is one, else on the pool. */
  #say(
    { node, pool }: Pick<Candidate, 'node' | 'pool'>,
    nodes: ReadonlySet<string>,
    type: Note['type'],
    reason: string,
    message: string,
  ): void {
    this.#options.log(`ipam garbage: ${message}`);
    const about = aboutOf({ node, pool }, nodes);
    if (about !== undefined) this.#options.tell({ about, type, reason, message });
  }

  /** What was freed, one Event for many: nobody shall have to guess afterwards. */
  #tellFreed(freed: readonly Freed[], nodes: ReadonlySet<string>): void {
    const pages = Map.groupBy(freed, ({ release }) => JSON.stringify(aboutOf(release, nodes) ?? null));
    for (const [, page] of pages) {
      const about = page[0] && aboutOf(page[0].release, nodes);
      if (about === undefined) continue;
      const lines = page.map(({ line }) => line);
      for (const note of notesOf({ about, type: 'Normal', reason: 'AddressFreed' }, lines))
        this.#options.tell(note);
    }
  }
}

/** The node, while there is one; else the pool. */
function aboutOf(
  { node, pool }: Pick<Candidate, 'node' | 'pool'>,
  nodes: ReadonlySet<string>,
): Note['about'] | undefined {
  if (node !== undefined && nodes.has(node)) return aboutNode(node);
  return pool === undefined ? undefined : { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', name: pool };
}
