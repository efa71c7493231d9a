import type { PeerId } from '@muslin/bgp';
import { type BfdSessionId, bfdSessionId } from '@muslin/bgp';
import type { BfdChange } from './bfd/bfd-messages.ts';
import { type BfdWorker, startBfd } from './bfd/start-bfd.ts';
import type { DesiredPeer } from './core/desired-peer.ts';

/** What following peers by BFD takes. */
export interface PeerBfdOptions {
  /** A peer can't be reached any more. */
  readonly onDown: (peer: PeerId, inWords: string) => void;
  /** Somebody should see this, in words. */
  readonly onFault: (message: string) => void;
  readonly onChange: () => void;
  /** Path or name of the network namespace; absent: the process's. */
  readonly namespace?: string;
}

/** How BFD sees a peer: not yet heard, or as it said last. */
export type BfdVerdict = BfdChange['state'] | 'waiting';

/** BFD for the peers that have it, on a thread that starts when the first one does. */
export class PeerBfd {
  readonly #options: PeerBfdOptions;
  readonly #peers = new Map<BfdSessionId, PeerId>();
  readonly #states = new Map<PeerId, BfdVerdict>();
  #worker: BfdWorker | undefined;
  #following = '';

  constructor(options: PeerBfdOptions) {
    this.#options = options;
  }

  /** By peer; peers without BFD are absent. */
  get states(): ReadonlyMap<PeerId, BfdVerdict> {
    return this.#states;
  }

  /** Follows these peers and no others. A changed pace ends nothing (RFC 5880 §6.8.3). */
  follow(peers: Iterable<DesiredPeer>): void {
    const wanted = [...peers].flatMap(({ bfd, config }) =>
      bfd === undefined || config.enabled === false ? [] : [{ id: config.id, session: bfd }],
    );
    const text = JSON.stringify(wanted);
    if (text === this.#following) return;
    this.#following = text;
    this.#peers.clear();
    for (const { id, session } of wanted) this.#peers.set(bfdSessionId(session), id);
    const ids = new Set(this.#peers.values());
    for (const id of this.#states.keys()) if (!ids.has(id)) this.#states.delete(id);
    for (const id of ids) if (!this.#states.has(id)) this.#states.set(id, 'waiting');
    if (wanted.length > 0 || this.#worker !== undefined)
      this.#running().setSessions(wanted.map(({ session }) => session));
  }

  /** Peers hear AdminDown: our going is no failure (RFC 5882 §3.2). */
  async stop(): Promise<void> {
    await this.#worker?.stop();
  }

  #running(): BfdWorker {
    const { onFault, namespace } = this.#options;
    this.#worker ??= startBfd({
      onState: change => this.#heard(change),
      onFault,
      ...(namespace === undefined ? {} : { namespace }),
    });
    return this.#worker;
  }

  #heard(change: BfdChange): void {
    const peer = this.#peers.get(change.session);
    if (peer === undefined) return;
    this.#states.set(peer, change.state);
    if (change.state === 'down') this.#options.onDown(peer, change.inWords);
    this.#options.onChange();
  }
}
