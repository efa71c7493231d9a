import type { NodeFacts, SecretKeyRef } from '@muslin/api';
import type { PeerConfig, Policy } from '@muslin/bgp';
import { type Family, formatIp, type Ip, type Ip4, type Ip6 } from '@muslin/net';
import { type ClusterFacts, passwordName } from './cluster-facts.ts';
import { exportPolicy, importPolicy } from './export-policy.ts';
import type { Problem } from './problem.ts';

/** Lets nothing through. */
const CLOSED: Policy = { rules: [], otherwise: 'reject' };
/** The field has 12 bits (RFC 4724 §3). */
const MOST_RESTART_TIME = 4095;

/** What every session of a node has. */
export function sessionBase(
  facts: ClusterFacts,
  node: NodeFacts,
  remoteIp: Ip,
  filters: readonly string[],
  interfaceName?: string,
): Omit<PeerConfig, 'remoteAs'> {
  const ipv4 = node.ips.find((ip): ip is Ip4 => ip.family === 4);
  const ipv6 = node.ips.find((ip): ip is Ip6 => ip.family === 6);
  const closed = filters.some(name => !facts.filters.has(name));
  return {
    id: formatIp(remoteIp),
    remoteIp,
    nextHopSelf: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) },
    exportPolicy: closed ? CLOSED : exportPolicy(facts, node.name, filters),
    importPolicy: closed ? CLOSED : importPolicy(facts, filters, interfaceName),
  };
}

/** A graceful-restart time in milliseconds as the seconds of the capability. */
export function restartTime(ms: number | undefined): { readonly gracefulRestartTime?: number } {
  return ms === undefined
    ? {}
    : { gracefulRestartTime: Math.min(MOST_RESTART_TIME, Math.max(0, Math.round(ms / 1000))) };
}

/** Addresses of a session between two nodes: the first of the families that both have, IPv4 before IPv6. */
export function sessionEnds(
  a: NodeFacts,
  b: NodeFacts,
  families: readonly Family[] = [4, 6],
): { readonly local: Ip; readonly remote: Ip } | undefined {
  for (const family of families) {
    const local = a.ips.find(ip => ip.family === family);
    const remote = b.ips.find(ip => ip.family === family);
    if (local !== undefined && remote !== undefined) return { local, remote };
  }
  return undefined;
}

/** What a password that was asked for means for a session: no password, a key's name, or no session. */
export function protection(
  facts: ClusterFacts,
  ref: SecretKeyRef | undefined,
  object: string,
  problems: Problem[],
): { readonly key?: string; readonly held?: string } {
  if (ref === undefined) return {};
  const key = passwordName(ref);
  const known = facts.passwords.get(key);
  if (known?.state === 'known') return { key };
  if (ref.optional && known !== undefined) return {};
  const why = known?.message ?? `Secret ${ref.name} has not been read yet`;
  const message = `no password: ${why}`;
  if (known !== undefined) problems.push({ object, reason: 'PasswordMissing', message });
  return { key, held: message };
}
