import { describe, expect, it } from 'vitest';
import { planTopology } from '../src/topology.ts';
import { bird, birdConfig, parseProtocols, parseRoutes } from '../src/tor/bird.ts';
import { frr, frrConfig } from '../src/tor/frr.ts';
import { gobgp, gobgpConfig } from '../src/tor/gobgp.ts';
import { routerOf } from '../src/tor/routers.ts';

const TOPOLOGY = planTopology('x', 2);

describe('the configuration of the router', () => {
  it('carries both families over one session to each node where the lab has both', () => {
    const dual = planTopology('x', 1, false, true);
    const configs = [birdConfig(dual), frrConfig(dual), gobgpConfig(dual)];
    for (const text of configs) expect(text).not.toContain('fd00:30::11');
    expect(configs[0]).toContain('ipv6 { import all; export none; };');
    expect(configs[0]).toContain('protocol kernel { ipv6 {');
    expect(configs[1]).toContain(
      ' address-family ipv6 unicast\n  maximum-paths 64\n  neighbor 172.30.0.11 activate\n',
    );
    expect(configs[2]).toContain('afi-safi-name = "ipv6-unicast"');
  });

  it('for BIRD', () => {
    expect(birdConfig(TOPOLOGY)).toBe(`router id 172.30.0.254;
log stderr all;
protocol device { scan time 1; }
protocol bfd { interface "*" { interval 500 ms; multiplier 5; }; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; merge paths yes; }

protocol bgp node1 {
  local 172.30.0.254 as 65001;
  neighbor 172.30.0.11 as 64512;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 5;
  hold time 9;
  bfd graceful;
  ipv4 { import all; export none; };
}

protocol bgp node2 {
  local 172.30.0.254 as 65001;
  neighbor 172.30.0.12 as 64512;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 5;
  hold time 9;
  bfd graceful;
  ipv4 { import all; export none; };
}
`);
  });

  it('for FRR', () => {
    expect(frrConfig(TOPOLOGY)).toBe(`hostname tor
router bgp 65001
 bgp router-id 172.30.0.254
 no bgp ebgp-requires-policy
 neighbor 172.30.0.11 remote-as 64512
 neighbor 172.30.0.11 timers 3 9
 neighbor 172.30.0.11 bfd 5 500 500
 neighbor 172.30.0.12 remote-as 64512
 neighbor 172.30.0.12 timers 3 9
 neighbor 172.30.0.12 bfd 5 500 500
 address-family ipv4 unicast
  maximum-paths 64
 exit-address-family
`);
  });

  it('for GoBGP', () => {
    expect(gobgpConfig(TOPOLOGY)).toBe(`[global.config]
  as = 65001
  router-id = "172.30.0.254"
  local-address-list = ["172.30.0.254"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "172.30.0.11"
    peer-as = 64512
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
    keepalive-interval = 3
[[neighbors]]
  [neighbors.config]
    neighbor-address = "172.30.0.12"
    peer-as = 64512
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
    keepalive-interval = 3
`);
  });

  it('is chosen by name, and only those that touch the kernel say that they forward', () => {
    const place = { topology: TOPOLOGY, folder: '/nowhere' };
    expect(routerOf('none', place)).toBeUndefined();
    const kinds = (['bird', 'frr', 'gobgp'] as const).map(kind => routerOf(kind, place));
    expect(kinds.map(router => [router?.kind, router?.forwards])).toEqual([
      ['bird', true],
      ['frr', true],
      ['gobgp', false],
    ]);
    expect([bird(place).kind, frr(place).kind, gobgp(place).kind]).toEqual(['bird', 'frr', 'gobgp']);
  });
});

describe('what birdc prints', () => {
  it('has a line for each session, up or not', () => {
    const text = `BIRD 2.0.12 ready.
Access restricted
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     12:00:00.000
kernel1    Kernel     master4    up     12:00:00.000
node1      BGP        ---        up     12:00:01.523  Established
node2      BGP        ---        start  12:00:00.000  Active        Socket: Connection refused
stranger   BGP        ---        up     12:00:01.523  Established
`;
    expect(parseProtocols(text, TOPOLOGY)).toEqual([
      { peer: '172.30.0.11', established: true, state: 'Established' },
      { peer: '172.30.0.12', established: false, state: 'Active Socket: Connection refused' },
    ]);
    expect(parseProtocols('', TOPOLOGY)).toEqual([]);
  });

  it('has each prefix with its next hops, several when paths are merged', () => {
    const text = `BIRD 2.0.12 ready.
Access restricted
Table master4:
10.244.15.64/26      unicast [node1 12:00:02.001] * (100) [AS64512i]
	via 172.30.0.11 on eth0
	Type: BGP univ
	BGP.next_hop: 172.30.0.11
10.96.0.0/16         unicast [node1 12:00:02.001] * (100) [AS64512i]
	via 172.30.0.11 on eth0
                     unicast [node2 12:00:02.001] (100) [AS64512i]
	via 172.30.0.12 on eth0
	via 172.30.0.12 on eth0
2001:db8::/64        unicast [node2 12:00:02.001] * (100) [AS64512i]
	via fe80::1 on eth0
`;
    expect(parseRoutes(text)).toEqual([
      { prefix: '10.244.15.64/26', nextHops: ['172.30.0.11'] },
      { prefix: '10.96.0.0/16', nextHops: ['172.30.0.11', '172.30.0.12'] },
      { prefix: '2001:db8::/64', nextHops: ['fe80::1'] },
    ]);
    expect(parseRoutes('BIRD 2.0.12 ready.\nTable master4:\n')).toEqual([]);
  });
});
