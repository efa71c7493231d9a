import { formatIp, type Ip } from '@muslin/net';
import type { ConnectionId } from './input.ts';
import type { Peer } from './peer.ts';
import type { PeerId } from './peer-config.ts';

/** All peers, found by name, table slot, address or connection. */
export class PeerSet {
  readonly #byId = new Map<PeerId, Peer>();
  readonly #bySlot = new Map<number, Peer>();
  readonly #byAddress = new Map<string, Set<Peer>>();
  readonly #owners = new Map<ConnectionId, Peer>();

  all(): IterableIterator<Peer> {
    return this.#byId.values();
  }

  get(id: PeerId): Peer | undefined {
    return this.#byId.get(id);
  }

  inSlot(slot: number): Peer | undefined {
    return this.#bySlot.get(slot);
  }

  add(peer: Peer): void {
    this.#byId.set(peer.config.id, peer);
    this.#bySlot.set(peer.slot, peer);
    this.moved(peer);
  }

  remove(peer: Peer): void {
    this.#byId.delete(peer.config.id);
    this.#bySlot.delete(peer.slot);
    for (const set of this.#byAddress.values()) set.delete(peer);
  }

  /** A peer's configured address may have changed. */
  moved(peer: Peer): void {
    const text = formatIp(peer.config.remoteIp);
    const set = this.#byAddress.get(text) ?? new Set();
    if (set.has(peer)) return;
    for (const other of this.#byAddress.values()) other.delete(peer);
    this.#byAddress.set(text, set.add(peer));
  }

  /** The peer that may call from this address; a link-local one only on its interface. */
  at(remoteIp: Ip, iface: string | undefined): Peer | undefined {
    for (const peer of this.#byAddress.get(formatIp(remoteIp)) ?? []) {
      const wanted = peer.config.transport.interface;
      if (wanted === undefined || iface === undefined || wanted === iface) return peer;
    }
    return undefined;
  }

  own(connection: ConnectionId, peer: Peer): void {
    this.#owners.set(connection, peer);
  }

  ownerOf(connection: ConnectionId): Peer | undefined {
    return this.#owners.get(connection);
  }

  disown(connection: ConnectionId): void {
    this.#owners.delete(connection);
  }
}
