import type { ReachFailure } from '@muslin/bgp';

/** POSIX error names of connect(2) and bind(2) as they end the messages of Node and of our own calls. */
const FAILURES: readonly (readonly [name: string | RegExp, failure: ReachFailure])[] = [
  // What fails before a packet leaves bears the local end: a route of this node says no.
  [/EHOSTUNREACH.* - Local/, 'blocked-here'],
  [/EINVAL|EACCES|EPERM/, 'blocked-here'],
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
  const [, failure = 'not-tried' as const] = FAILURES.find(([name]) => message.match(name) !== null) ?? [];
  return failure;
}
