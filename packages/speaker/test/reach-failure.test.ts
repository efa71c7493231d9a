import { expect, test } from 'vitest';
import { reachFailure } from '../src/core/reach-failure.ts';

test.each([
  ['connect ECONNREFUSED 192.0.2.1:179', 'refused'],
  ['connect ETIMEDOUT 192.0.2.1:179', 'unanswered'],
  ['connect ENETUNREACH 192.0.2.1:179 - Local (0.0.0.0:0)', 'no-route'],
  ['connect EHOSTUNREACH 192.0.2.1:179', 'no-neighbour'],
  ['connect EHOSTUNREACH 192.0.2.1:179 - Local (10.0.0.1:41681)', 'blocked-here'],
  ['connect EINVAL 192.0.2.1:179 - Local (10.0.0.1:46225)', 'blocked-here'],
  ['connect EACCES 192.0.2.1:179 - Local (10.0.0.1:33879)', 'blocked-here'],
  ['bind: EADDRNOTAVAIL', 'no-source'],
  ['no such interface', 'not-tried'],
])('the system’s words %s mean %s', (message, failure) => {
  expect(reachFailure(message)).toBe(failure);
});
