import type { PeerView } from '@muslin/bgp';
import { ROUTE_PROTOCOL_BGP, type Route } from '@muslin/dataplane';
import { mustIp, mustPrefix } from '@muslin/net';
import { describe, expect, test } from 'vitest';
import { isAwaited, type Returners } from '../src/core/awaited-route.ts';
import type { DesiredPeer } from '../src/core/desired-peer.ts';

const route = (gateway: string, interfaceName?: string): Route => ({
  ...{ destination: mustPrefix('203.0.113.0/24'), kind: 'unicast', gateway: mustIp(gateway) },
  ...{ scope: 'universe', protocol: ROUTE_PROTOCOL_BGP, metric: 1024, table: 254 },
  ...(interfaceName === undefined ? {} : { interfaceName }),
});
const peer = (id: string, stranger: boolean) =>
  [id, { ...(stranger && { stranger }) } as DesiredPeer] as const;
const seen = (id: string, state: string, endOfRib: boolean, graceful = true) =>
  ({
    ...{ id, state, capabilities: graceful ? [{ kind: 'gracefulRestart' }] : [] },
    families: [{ family: 'ipv4-unicast', agreed: true, endOfRib }],
  }) as unknown as PeerView;
const view = (more: Partial<Returners> = {}): Returners => ({
  strangers: true,
  wanted: new Map([peer('10.0.0.1', false), peer('10.0.0.5', true), peer('fe80::1%up0', true)]),
  seen: [],
  ...more,
});

describe('a route of an earlier life', () => {
  test.each<[string, Route, Returners, boolean]>([
    ['where nobody comes unnamed', route('10.0.0.9'), view({ strangers: false }), false],
    ['of a peer with a name', route('10.0.0.1'), view(), false],
    ['of somebody who has not called', route('10.0.0.9'), view(), true],
    ['of a router that has not been heard', route('fe80::2', 'up1'), view(), true],
    [
      'of a caller whose session is not up',
      route('10.0.0.5'),
      view({ seen: [seen('10.0.0.5', 'Active', false)] }),
      true,
    ],
    [
      'of a caller that has not told all',
      route('10.0.0.5'),
      view({ seen: [seen('10.0.0.5', 'Established', false)] }),
      true,
    ],
    [
      'of a caller that has told all',
      route('10.0.0.5'),
      view({ seen: [seen('10.0.0.5', 'Established', true)] }),
      false,
    ],
    [
      'of a caller that never says when it has told all',
      route('10.0.0.5'),
      view({ seen: [seen('10.0.0.5', 'Established', false, false)] }),
      false,
    ],
    [
      'of a router that has told all',
      route('fe80::1', 'up0'),
      view({ seen: [seen('fe80::1%up0', 'Established', true)] }),
      false,
    ],
    [
      'that goes several ways, one of them a stranger’s',
      { ...route('10.0.0.1'), nextHops: [{ gateway: mustIp('10.0.0.1') }, { gateway: mustIp('10.0.0.9') }] },
      view(),
      true,
    ],
  ])('%s', (_what, left, returners, awaited) => {
    expect(isAwaited(left, returners)).toBe(awaited);
  });
});
