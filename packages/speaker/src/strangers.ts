import type { PeerView } from '@muslin/bgp';
import { formatIp, formatPrefix, type Ip, type Ip6, prefixHas, sameIp } from '@muslin/net';
import type { DesiredSpeaker } from './core/desired-speaker.ts';
import { type Caller, type Heard, peerIdOf } from './core/heard.ts';

/** A caller whose session is down this long, and of whom no route is kept, is a stranger again. */
const FORGET_AFTER_MS = 30_000;
const AFI_IPV6 = 2;

/** Peers that no object names by address: who called from a listen range, which router is on an interface. */
export class Strangers {
  readonly #routers = new Map<string, Ip6>();
  readonly #callers = new Map<string, Caller>();
  readonly #oneFamily = new Set<string>();
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  get heard(): Heard {
    return { routers: this.#routers, callers: this.#callers, oneFamily: this.#oneFamily };
  }

  /** A router was heard. Gives whether that is news. */
  router(interfaceName: string, ip: Ip6): boolean {
    const before = this.#routers.get(interfaceName);
    if (before !== undefined && sameIp(before, ip)) return false;
    this.#routers.set(interfaceName, ip);
    this.#log(`the router on ${interfaceName} is ${formatIp(ip)}`);
    return true;
  }

  /** Somebody calls whom nobody named. Gives whether it is a peer from now on. */
  admit(desired: DesiredSpeaker, ip: Ip, interfaceName: string | undefined): boolean {
    if (ip.family === 6 && interfaceName !== undefined && desired.unnumbered.includes(interfaceName))
      return this.router(interfaceName, ip);
    const range = desired.ranges.find(({ cidr }) => prefixHas(cidr, ip));
    if (range === undefined) return false;
    const others = [...this.#callers.values()].filter(caller => prefixHas(range.cidr, caller.ip)).length;
    if (others >= range.most) {
      this.#log(
        `${formatIp(ip)} calls from ${formatPrefix(range.cidr)}, where ${range.most} are up already (BGPPeerPolicy ${range.policy}): refused`,
      );
      return false;
    }
    this.#callers.set(peerIdOf(ip), { ip });
    return true;
  }

  /** A session with a node came up: what it offers tells whether there must be another one. Gives whether that is news. */
  families(peer: PeerView): boolean {
    const offered = peer.capabilities.flatMap(each =>
      each.kind === 'multiprotocol' ? [each.value.afi] : [],
    );
    const single = peer.remoteIp.family === 4 && !offered.includes(AFI_IPV6);
    if (single === this.#oneFamily.has(peer.id)) return false;
    if (single) this.#oneFamily.add(peer.id);
    else this.#oneFamily.delete(peer.id);
    return true;
  }

  /** Forgets callers that went away; `now` on the clock of the views. Gives whether there were any. */
  forget(peers: readonly PeerView[], now: number): boolean {
    const gone = [...this.#callers.keys()].filter(id => {
      const peer = peers.find(each => each.id === id);
      if (peer === undefined) return true;
      const kept = peer.families.some(({ received }) => received > 0);
      return peer.state !== 'Established' && !kept && now - peer.since > FORGET_AFTER_MS;
    });
    for (const id of gone) this.#callers.delete(id);
    return gone.length > 0;
  }
}
