import { TUNNEL_DEFAULTS } from '@muslin/dataplane';
import { expect, test } from 'vitest';
import { chooseMtu, type MtuFacts, mtuStatus, type SizedLink } from '../src/tunnel/mtu.ts';

const link = (name: string, mtu: number, more: Partial<SizedLink> = {}): SizedLink => ({
  ...{ name, mtu, up: true, loopback: false, leadsOut: false, ...more },
});
const NONE = { vxlan: [], ipip: false, wireguard: [] } as const;
const OUT = link('eth0', 1500, { leadsOut: true });
const facts = (links: readonly SizedLink[], more: Partial<MtuFacts> = {}): MtuFacts => ({
  ...{ links, pattern: undefined, settings: TUNNEL_DEFAULTS, tunnels: NONE, ...more },
});
const tunnels = (some: Partial<MtuFacts['tunnels']>) => ({ tunnels: { ...NONE, ...some } });
const wireguard = { ...TUNNEL_DEFAULTS.wireguard, mtu: { 4: 1412 } };

test.each<[string, MtuFacts, number, number, RegExp]>([
  [
    'is that of the default route’s link',
    facts([link('lo', 65_536, { loopback: true }), link('eth1', 1280), OUT]),
    1500,
    1500,
    /^eth0, which has a default route, has 1500$/,
  ],
  [
    'is the smaller of two default routes’',
    facts([OUT, link('eth1', 1400, { leadsOut: true })]),
    1400,
    1400,
    /^eth1/,
  ],
  [
    'is the smallest that matches mtuIfacePattern',
    facts([OUT, link('bond0', 9000), link('bond1', 8900)], { pattern: /^bond/ }),
    8900,
    8900,
    /^bond1, which matches \^bond,/,
  ],
  [
    'falls back to the default route’s link where the pattern matches none',
    facts([OUT], { pattern: /^bond/ }),
    1500,
    1500,
    /^eth0/,
  ],
  [
    'is the smallest of all without a default route',
    facts([link('eth0', 1500), link('eth1', 1300)]),
    1300,
    1300,
    /smallest of all/,
  ],
  [
    'is never that of a pod, a tunnel of ours, or an interface that is down',
    facts([
      OUT,
      link('msl1', 600, { leadsOut: true }),
      link('vxlan.muslin', 700, { leadsOut: true }),
      link('eth9', 576, { leadsOut: true, up: false }),
    ]),
    1500,
    1500,
    /^eth0/,
  ],
  ['is usual where nothing is known', facts([]), 1500, 1500, /1500 is usual/],
  ['is less by VXLAN', facts([OUT], tunnels({ vxlan: [4] })), 1500, 1450, /VXLAN over IPv4 adds 50$/],
  [
    'is less by the largest overhead',
    facts([OUT], tunnels({ vxlan: [4, 6], ipip: true })),
    1500,
    1430,
    /VXLAN over IPv6 adds 70$/,
  ],
  ['is less by IP in IP', facts([OUT], tunnels({ ipip: true })), 1500, 1480, /IP in IP adds 20$/],
  [
    'is less by WireGuard',
    facts([OUT], tunnels({ wireguard: [6] })),
    1500,
    1420,
    /WireGuard over IPv6 adds 80$/,
  ],
  [
    'is what is configured',
    facts([OUT], {
      ...tunnels({ vxlan: [4], wireguard: [4] }),
      settings: { mtu: { vxlan4: 1440 }, wireguard },
    }),
    1500,
    1412,
    /WireGuard over IPv4 is configured to carry 1412$/,
  ],
  [
    'is never more than the underlay’s',
    facts([OUT], { ...tunnels({ vxlan: [4] }), settings: { mtu: { vxlan4: 9000 }, wireguard } }),
    1500,
    1500,
    /^eth0/,
  ],
])('the MTU of pods %s', (_, given, underlay, pods, why) => {
  const choice = chooseMtu(given);
  expect(choice).toMatchObject({ underlay, pods });
  expect(choice.why).toMatch(why);
});

test('pods that were born with more than packets may have by now are named once, those that another plugin made are not', () => {
  const choice = chooseMtu(facts([OUT], tunnels({ vxlan: [4] })));
  const pod = (name: string, mtu: number, madeBy?: string) => ({
    ...{ mtu, pod: { namespace: 'shop', name, uid: name } },
    ...(madeBy !== undefined && { madeBy }),
  });
  const sandboxes = [
    pod('web', 1500),
    pod('web', 1500),
    pod('db', 1450),
    pod('old', 1480),
    pod('x', 1500, 'ptp'),
  ];
  expect(mtuStatus(choice, sandboxes as never)).toEqual({ ...choice, larger: ['shop/old', 'shop/web'] });
});
