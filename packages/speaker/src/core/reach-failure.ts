import type { ReachFailure } from '@muslin/bgp';

/** POSIX error names of connect(2) and bind(2) as they end the messages of Node and of our own calls. */
const FAILURES: readonly (readonly [name: string, failure: ReachFailure])[] = [
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'refused'],
  ['ETIMEDOUT', 'unanswered'],
  ['ENETUNREACH', 'no-route'],
  ['EHOSTUNREACH', 'no-neighbour'],
  ['EHOSTDOWN', 'no-neighbour'],
  ['EADDRNOTAVAIL', 'no-source'],
];

/** How a call failed, read from the words of the system. */
export function reachFailure(message: string): ReachFailure {
  return FAILURES.find(([name]) => message.includes(name))?.[1] ?? 'not-tried';
}
