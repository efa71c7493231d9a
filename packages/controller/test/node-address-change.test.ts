import type { AnyObject } from '@muslin/kube';
import { expect, test } from 'vitest';
import { addressChangeNote } from '../src/node-address-change.ts';

const KEY = 'muslin.dev/ipv4-address-choice';
const node = (choice?: string): AnyObject =>
  ({
    metadata: { name: 'n1', uid: 'u', ...(choice === undefined ? {} : { annotations: { [KEY]: choice } }) },
  }) as never;

test('a node that becomes known by another address is an Event about it that says why', () => {
  const now = 'cidr=10.0.0.0/8: 10.0.0.7/24 on eth0, since it alone fits cidr=10.0.0.0/8';
  expect(addressChangeNote(node('first-found: 10.0.0.5/24 on eth0, since x'), node(now))).toEqual({
    about: { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u' },
    ...{ type: 'Warning', reason: 'NodeAddressChanged' },
    message: `10.0.0.5 became ${now}; tunnels and BGP sessions of the node move with it`,
  });
});

test.each([
  [undefined, 'first-found: 10.0.0.5/24 on eth0, since x'],
  ['first-found: 10.0.0.5/24 on eth0, since x', undefined],
  ['first-found: 10.0.0.5/24 on eth0, since x', 'annotation: 10.0.0.5/24 on eth0, since y'],
  ['nonsense', 'first-found: 10.0.0.5/24 on eth0, since x'],
])('the first address, its loss, and another reason for the same one are none (%#)', (before, now) => {
  expect(addressChangeNote(node(before), node(now))).toBeUndefined();
});
