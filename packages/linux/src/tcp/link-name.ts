import { readFileSync } from 'node:fs';

/**
 * The name of the interface with this index in the namespace of the calling thread; undefined when it has no IPv6
 * address (and so no link-local peers). Lines of if_inet6: address, index (hex), prefix length, scope, flags, name.
 */
export function linkName(index: number): string | undefined {
  for (const line of readFileSync('/proc/thread-self/net/if_inet6', 'latin1').split('\n')) {
    const [, hex = '', , , , name] = line.trim().split(/\s+/);
    if (Number.parseInt(hex, 16) === index) return name;
  }
  return undefined;
}
