import type { Snapshot } from '@muslin/api';
import {
  fail,
  formatIp,
  type Ip,
  mustIp,
  offsetIp,
  ok,
  type Prefix,
  parseIp,
  prefixHas,
  prefixSize,
  type Result,
} from '@muslin/net';
import { readHostPortEnd } from '@muslin/policy';

/** Addresses of nobody (RFC 5737, RFC 3849): stand for the rest of the world, one in each family. */
const ANYONE: readonly Ip[] = [mustIp('203.0.113.1'), mustIp('2001:db8:ffff::1')];
const ANYONE_TEXTS: ReadonlySet<string> = new Set(ANYONE.map(formatIp));
/** More prefixes than this would make the answer unreadable. */
const MAX_OUTSIDE = 32;

/**
 * Addresses that stand for what is outside the cluster: one for the world at large, and one for every prefix that a
 * rule speaks of, as far as no exception of that rule holds it. Without them a policy that opens or closes the way
 * out would seem to change nothing.
 */
export function outsideOf(snapshots: readonly Snapshot[]): readonly Ip[] {
  const found = new Map(ANYONE.map(ip => [formatIp(ip), ip]));
  for (const { policies } of snapshots)
    for (const { ingress, egress } of policies.values())
      for (const { source, destination } of [...ingress, ...egress])
        for (const { nets = [], notNets = [] } of [source, destination])
          for (const ip of [
            ...nets.map(net => memberOf(net, notNets)),
            ...notNets.map(net => memberOf(net, [])),
          ])
            if (ip !== undefined && found.size < MAX_OUTSIDE) found.set(formatIp(ip), ip);
  return [...found.values()];
}

/** An address in `net` and in none of `except`; undefined when the first few are all excepted, or `net` is everything. */
function memberOf(net: Prefix, except: readonly Prefix[]): Ip | undefined {
  if (net.length === 0) return undefined;
  let ip = prefixSize(net) > 2 ? offsetIp(net.ip, 1) : net.ip;
  for (let tries = 0; tries <= except.length; tries++) {
    const around = except.find(other => prefixHas(other, ip));
    if (around === undefined) return prefixHas(net, ip) ? ip : undefined;
    if (!Number.isFinite(prefixSize(around))) return undefined;
    ip = offsetIp(around.ip, prefixSize(around));
  }
  return undefined;
}

/** Reads the values of `--external`. */
export function parseAddresses(texts: readonly string[]): Result<readonly Ip[], string> {
  const ips: Ip[] = [];
  for (const text of texts) {
    const ip = parseIp(text);
    if (!ip.ok) return fail(`--external: ${ip.fault.message}`);
    ips.push(ip.value);
  }
  return ok(ips);
}

/** How an end is called: pods as `namespace/name`, at their node's port `node (namespace/name)`, the stand-ins for the world as `outside`. */
export function endText(name: string): string {
  const host = readHostPortEnd(name);
  if (host !== undefined) return `${host.node} (${host.pod})`;
  return ANYONE_TEXTS.has(name) ? 'outside' : name.replace(/^pod\//, '');
}

/** Ends as they are called, each once. */
export function endTexts(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(endText))];
}
