import { sysctl } from '@muslin/linux';
import type { Family } from '@muslin/net';
import type { Logger } from 'pino';

/** A node that carries pods' packets is a router. */
export function prepareNode(families: readonly Family[], log: Logger): void {
  const settings = [
    ['net/ipv4/ip_forward', 1],
    // Several equal routes are chosen by ports too, so that one busy pair doesn't ride on one link.
    ['net/ipv4/fib_multipath_hash_policy', 1],
    ...(families.includes(6) ? ([['net/ipv6/conf/all/forwarding', 1]] as const) : []),
  ] as const;
  for (const [key, value] of settings) {
    const set = sysctl(undefined, key, value);
    if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
  }
}

/**
 * A connection that was cut must not come back by a packet of its other end, which would look like a new one that goes
 * the other way: nothing is picked up in mid-stream. Needs the module that the rules load.
 */
export function pickUpNothing(log: Logger): void {
  const key = 'net/netfilter/nf_conntrack_tcp_loose';
  const set = sysctl(undefined, key, 0);
  if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
}

/** Tracked connections are counted in packets and bytes from now on. Needs the module that the rules load. */
export function countConnections(log: Logger): void {
  const key = 'net/netfilter/nf_conntrack_acct';
  const set = sysctl(undefined, key, 1);
  if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
}
