import {
  type AnyObject,
  apiVersionOf,
  type ClusterWatches,
  type FanoutObject,
  type FanoutMembers,
  keyOf,
  RESOURCES,
  type Sighting,
} from '@muslin/kube';
import type { ElsewhereChange } from '@muslin/policy';
import type { StreamMessage } from './stream-client.ts';

/** A stream, as far as the source looks at it. */
export interface Stream {
  readonly staleSince: number | undefined;
  start(): void;
  stop(): void;
  /** Forgets what was taken: the whole comes next. It is stale until then. */
  anew(): void;
}

export interface ClusterSourceOptions {
  /** Makes watches of everything; called anew for each fall-back, as stopped ones don't come back. */
  readonly watch: (onSighting: (sighting: Sighting) => void) => ClusterWatches;
  /** Absent: watches from the beginning, and nothing else. */
  readonly stream?: (onMessage: (message: StreamMessage) => void) => Stream;
  /** A stream that is stale for so long is not waited for. */
  readonly fallBackMs: number;
  readonly onSighting: (sighting: Sighting) => void;
  readonly onMembers: (id: string, change: ElsewhereChange) => void;
  /** All that belongs together was handed over. */
  readonly onNews: () => void;
  readonly onTurn?: (to: 'stream' | 'watches', why: string) => void;
  readonly now?: () => number;
}

/** How often to look whether the stream is too stale. */
const LOOK_MS = 500;

/**
 * Where the agent's view of the cluster comes from: a controller's stream while there is one, else its own watches.
 *
 * ```
 *              stale for fallBackMs              every watch complete
 *   stream ───────────────────────► stream, watches begin ───────────► watches
 *      ▲                                │ it speaks again                 │
 *      └────────────────────────────────┴──────── a whole message ◄───────┘
 * ```
 *
 * A turn is one step: what the new source shows is told, what only the old one showed is gone, and nobody looks in
 * between. Until the new source is complete all stays as the old one left it.
 */
export class ClusterSource {
  readonly #options: ClusterSourceOptions;
  readonly #now: () => number;
  readonly #synced = Promise.withResolvers<void>();
  /** What was told last of each object that is there; by kind, namespace and name. */
  readonly #told = new Map<string, Sighting>();
  /** Sets of which the stream told members. */
  readonly #sets = new Set<string>();
  readonly #stream: Stream | undefined;
  #source: 'none' | 'stream' | 'watches' = 'none';
  #watches: ClusterWatches | undefined;
  /** What watches have shown that are not complete yet. */
  #waiting = new Map<string, Sighting>();
  #look: NodeJS.Timeout | undefined;

  constructor(options: ClusterSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#stream = options.stream?.(message => this.#take(message));
  }

  start(): void {
    if (this.#stream === undefined) {
      this.#beginWatches();
      return;
    }
    this.#stream.start();
    this.#look = setInterval(() => this.look(), LOOK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#look);
    this.#stream?.stop();
    await this.#watches?.group.stop();
  }

  /** Resolves when some source has told everything. */
  whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Which source speaks; `none` before the first that is complete. */
  get source(): 'none' | 'stream' | 'watches' {
    return this.#source;
  }

  /** Since when nothing is known of the cluster; undefined while the source is up to date. */
  get staleSince(): number | undefined {
    if (this.#source === 'stream' || this.#watches === undefined) return this.#stream?.staleSince;
    return this.#watches.group.staleSince;
  }

  /** What is still waited for. */
  missing(): readonly string[] {
    if (this.#watches !== undefined) return this.#watches.missing();
    return this.#source === 'none' ? ['fan-out'] : [];
  }

  /** Whether a pod that nobody has told of yet may be judged by what is known: watches show every policy, a stream does not. */
  get knowsAll(): boolean {
    return this.#source === 'watches';
  }

  /** Begins watches when the stream is stale for too long, and gives them up again when it came back before they were complete. */
  look(): void {
    const staleSince = this.#stream?.staleSince;
    if (staleSince === undefined) {
      if (this.#source === 'stream') this.#endWatches();
      else if (this.#source === 'watches') this.#stream?.anew();
      return;
    }
    if (this.#watches === undefined && this.#now() - staleSince >= this.#options.fallBackMs)
      this.#beginWatches();
  }

  #beginWatches(): void {
    const alone = this.#stream === undefined;
    const watches = this.#options.watch(sighting => {
      if (this.#watches !== watches) return;
      if (alone || this.#source === 'watches') {
        this.#tell(sighting);
        this.#options.onNews();
      } else this.#waiting.set(keyOfSighting(sighting), sighting);
    });
    this.#watches = watches;
    watches.group.start();
    void watches.group.whenSynced().then(() => {
      if (this.#watches === watches) this.#turnToWatches();
    });
  }

  #endWatches(): void {
    const watches = this.#watches;
    this.#watches = undefined;
    this.#waiting = new Map();
    void watches?.group.stop();
  }

  #turnToWatches(): void {
    if (this.#stream !== undefined) {
      const shown = this.#waiting;
      this.#waiting = new Map();
      this.#replace([...shown.values()].filter(({ gone }) => !gone));
      for (const id of this.#sets) this.#options.onMembers(id, { members: undefined });
      this.#sets.clear();
      this.#options.onTurn?.(
        'watches',
        'the stream of the controller is away or stale: watching the API server',
      );
    }
    this.#source = 'watches';
    this.#options.onNews();
    this.#synced.resolve();
  }

  #take({ whole, parts }: StreamMessage): void {
    // Between two messages of one stream the agent may have turned to watches: then only the whole brings it back.
    if (!whole && this.#source === 'watches') {
      this.#stream?.anew();
      return;
    }
    if (whole) {
      this.#replace(parts.flatMap(part => (part.type === 'object' ? [sightingOf(part)] : [])));
      const told = new Set(parts.flatMap(part => (part.type === 'set' ? [part.id] : [])));
      for (const id of this.#sets.difference(told)) this.#setPart({ type: 'set-gone', id });
    }
    for (const part of parts)
      if ('object' in part) {
        if (!whole) this.#tell(sightingOf(part));
      } else this.#setPart(part);
    if (this.#source === 'watches')
      this.#options.onTurn?.('stream', 'the controller serves this node again: watches end');
    this.#source = 'stream';
    this.#endWatches();
    this.#options.onNews();
    this.#synced.resolve();
  }

  #setPart(part: FanoutMembers): void {
    const { onMembers } = this.#options;
    if (part.type === 'set-gone') this.#sets.delete(part.id);
    else this.#sets.add(part.id);
    if (part.type === 'members') onMembers(part.id, part);
    else onMembers(part.id, { members: part.type === 'set' ? new Set(part.members) : undefined });
  }

  /** Tells all that is there now, and that everything else is gone. */
  #replace(now: readonly Sighting[]): void {
    const keys = new Set(now.map(keyOfSighting));
    for (const sighting of now) this.#tell(sighting);
    for (const [key, sighting] of [...this.#told])
      if (!keys.has(key)) this.#tell({ ...sighting, gone: true });
  }

  #tell(sighting: Sighting): void {
    // A source that never changes needs no memory of what it said.
    if (this.#stream !== undefined) {
      const key = keyOfSighting(sighting);
      if (sighting.gone) this.#told.delete(key);
      else this.#told.set(key, sighting);
    }
    this.#options.onSighting(sighting);
  }
}

const keyOfSighting = ({ kind, object }: Sighting) => `${kind} ${keyOf(object)}`;

/** Streams name kinds as watches do; a kind that this agent does not know is told to nobody's harm. */
function sightingOf(part: FanoutObject): Sighting {
  const { kind, policyKey } = part;
  const resource = (
    RESOURCES as Readonly<Record<string, (typeof RESOURCES)[keyof typeof RESOURCES] | undefined>>
  )[kind];
  const object: AnyObject =
    resource === undefined
      ? part.object
      : { ...part.object, apiVersion: apiVersionOf(resource), kind: resource.kind };
  return { kind, object, gone: part.type === 'gone', policyKey };
}
