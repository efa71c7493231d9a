import { readdirSync } from 'node:fs';
import { readSysctl, sysctl } from '@muslin/linux';
import type { Family } from '@muslin/net';
import type { Logger } from 'pino';

/** Several equal routes are chosen by ports too, so that one busy pair doesn't ride on one link. */
export function prepareNode(log: Logger): void {
  put('net/ipv4/fib_multipath_hash_policy', 1, log);
}

/** A node that carries pods' packets is a router. FelixConfiguration `ipForwarding: Disabled` leaves that to others. */
export function forwardPackets(families: readonly Family[], log: Logger): void {
  put('net/ipv4/ip_forward', 1, log);
  if (!families.includes(6)) return;
  // A router hears no router advertisements (RFC 4861 §6.2.1): a node that has its default route by them would lose it.
  for (const name of hearers()) put(`net/ipv6/conf/${name}/accept_ra`, 2, log);
  put('net/ipv6/conf/all/forwarding', 1, log);
}

/** Interfaces that take router advertisements as long as they don't forward. */
function hearers(): readonly string[] {
  const names = readdirSync('/proc/sys/net/ipv6/conf');
  return names.filter(name => {
    if (name === 'all' || name === 'default' || name === 'lo' || name.startsWith('msl')) return false;
    const read = readSysctl(undefined, `net/ipv6/conf/${name}/accept_ra`);
    return read.ok && read.value.trim() === '1';
  });
}

function put(key: string, value: number, log: Logger): void {
  const set = sysctl(undefined, key, value);
  if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
}

/**
 * A connection that was cut must not come back by a packet of its other end, which would look like a new one that goes
 * the other way: nothing is picked up in mid-stream. Needs the module that the rules load.
 */
export function pickUpNothing(log: Logger): void {
  const key = 'net/netfilter/nf_conntrack_tcp_loose';
  put(key, 0, log);
}

/** Tracked connections are counted in packets and bytes from now on. Needs the module that the rules load. */
export function countConnections(log: Logger): void {
  const key = 'net/netfilter/nf_conntrack_acct';
  const set = sysctl(undefined, key, 1);
  if (!set.ok) log.warn({ key, fault: set.fault.message }, 'a kernel setting could not be made');
}
