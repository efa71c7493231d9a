import type { PeerKey } from './connections.ts';
import type { DesiredPeer } from './core/desired-peer.ts';
import type { ListenRange } from './core/policy-peers.ts';

/** The passwords of sessions and of ranges that calls may come from, as far as they are known. */
export function peerKeys(
  peers: Iterable<DesiredPeer>,
  ranges: readonly ListenRange[],
  passwordOf: (name: string) => string | undefined,
): readonly PeerKey[] {
  const named = [...peers].map(({ config }) => ({
    peer: config.remoteIp,
    name: config.transport?.passwordKey,
    auth: config.transport?.auth,
  }));
  const called = ranges.map(({ cidr, passwordKey, auth }) => ({ peer: cidr, name: passwordKey, auth }));
  return [...named, ...called].flatMap(({ peer, name, auth }) => {
    const key = name === undefined ? undefined : passwordOf(name);
    return key === undefined ? [] : [{ peer, key, ...(auth && { auth }) }];
  });
}
