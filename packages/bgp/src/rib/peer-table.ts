import type { Ip4 } from '@muslin/net';
import { compareAddress, ownSource, type RibPeer } from './rib-peer.ts';

/** Sources of routes by slot: small numbers that path columns hold. Slot 0 is the speaker itself. */
export class PeerTable {
  readonly #peers: (RibPeer | undefined)[];
  readonly #free: number[] = [];
  #ranks: Int32Array | undefined;

  constructor(routerId: Ip4) {
    this.#peers = [ownSource(routerId)];
  }

  /** Takes a free slot; `set` it before paths refer to it. */
  reserve(): number {
    const slot = this.#free.pop() ?? this.#peers.length;
    this.#peers[slot] = undefined;
    return slot;
  }

  /** Sets who is in a slot; true when somebody else, or somebody treated otherwise, was there. */
  set(peer: RibPeer): boolean {
    const old = this.#peers[peer.slot];
    this.#peers[peer.slot] = peer;
    this.#ranks = undefined;
    if (old === undefined) return false;
    return (
      old.kind !== peer.kind ||
      old.client !== peer.client ||
      old.behindUs !== peer.behindUs ||
      old.routerId.bits !== peer.routerId.bits
    );
  }

  /** Frees a slot that no path refers to any more. */
  free(slot: number): void {
    this.#peers[slot] = undefined;
    this.#free.push(slot);
    this.#ranks = undefined;
  }

  get(slot: number): RibPeer {
    const peer = this.#peers[slot];
    if (peer === undefined) throw new Error(`no peer has slot ${slot}`);
    return peer;
  }

  /** Position of the slot's address among all peers' addresses; lower wins the last tie (RFC 4271 §9.1.2.2 g). */
  addressRank(slot: number): number {
    if (this.#ranks === undefined) {
      const ranks = new Int32Array(this.#peers.length);
      const sorted = this.#peers.filter(p => p !== undefined).sort(compareAddress);
      sorted.forEach((peer, i) => {
        ranks[peer.slot] = i;
      });
      this.#ranks = ranks;
    }
    return this.#ranks[slot] ?? 0;
  }
}
