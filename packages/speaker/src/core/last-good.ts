import type { DesiredPeer } from './desired-peer.ts';

/**
 * Sessions with the policies that they had while all their filters existed: a filter that was deleted, or a name that
 * was mistyped, must neither open a session for everything nor empty it.
 */
export function keepLastGood(
  wanted: ReadonlyMap<string, DesiredPeer>,
  before: ReadonlyMap<string, DesiredPeer>,
): ReadonlyMap<string, DesiredPeer> {
  const kept = new Map<string, DesiredPeer>();
  for (const [id, peer] of wanted) {
    const earlier = before.get(id);
    const { importPolicy, exportPolicy } = earlier?.config ?? {};
    const better =
      peer.missingFilters.length > 0 &&
      earlier?.origin === peer.origin &&
      importPolicy !== undefined &&
      exportPolicy !== undefined;
    kept.set(id, better ? { ...peer, config: { ...peer.config, importPolicy, exportPolicy } } : peer);
  }
  return kept;
}
