import { mustIp } from '@muslin/net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DesiredPeer } from '../src/core/desired-peer.ts';
import { NOTHING_HEARD } from '../src/core/heard.ts';
import { peersOf } from '../src/core/peers-of.ts';
import { configuration, factsOf, filter, node, peer, storeOf } from './facts.ts';

function only(map: ReadonlyMap<string, DesiredPeer>): DesiredPeer {
  const [first, ...more] = [...map.values()];
  if (first === undefined || more.length > 0) throw new Error(`${map.size} peers`);
  return first;
}

const NO_MESH = configuration({ nodeToNodeMeshEnabled: false });
const n1 = node('n1', ['10.0.0.1']);
const n2 = node('n2', ['10.0.0.2'], { labels: { role: 'rr' } });

describe('the mesh', () => {
  test('of any set of nodes, exactly one side of each pair calls, and both agree on the session', () => {
    const address = fc.oneof(
      fc.ipV4().filter(ip => !ip.startsWith('0.')),
      fc
        .tuple(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 1, max: 0xffff }))
        .map(([a, b]) => `2001:db8::${a.toString(16)}:${b.toString(16)}`),
    );
    const unique = fc.uniqueArray(address, { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(unique, addresses => {
        const facts = factsOf(...addresses.map((ip, i) => node(`n${i}`, [ip])));
        for (const [i, own] of addresses.entries()) {
          for (const [j, other] of addresses.entries()) {
            if (i === j) continue;
            const mine = [...peersOf(facts, `n${i}`).peers.values()].find(
              p => JSON.stringify(p.config.remoteIp) === JSON.stringify(mustIp(other)),
            );
            const theirs = [...peersOf(facts, `n${j}`).peers.values()].find(
              p => JSON.stringify(p.config.remoteIp) === JSON.stringify(mustIp(own)),
            );
            expect(mine === undefined).toBe(theirs === undefined);
            if (mine !== undefined) expect(mine.config.passive).toBe(!theirs?.config.passive);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('decides who calls by the text of addresses, as Calico does: 10.0.0.9 waits for nobody but 10.0.0.10', () => {
    const facts = factsOf(node('a', ['10.0.0.9']), node('b', ['10.0.0.10']));
    expect(only(peersOf(facts, 'a').peers).config.passive).toBe(false);
    expect(only(peersOf(facts, 'b').peers).config.passive).toBe(true);
  });

  test('carries both families in one session, over IPv4 where both have it', () => {
    const facts = factsOf(node('a', ['fd00::1', '10.0.0.1']), node('b', ['fd00::2', '10.0.0.2']));
    const { config, type } = only(peersOf(facts, 'a').peers);
    expect(type).toBe('NodeMesh');
    expect(config).toMatchObject({
      id: '10.0.0.2',
      remoteAs: 64512,
      transport: { source: mustIp('10.0.0.1'), port: 179 },
      nextHopSelf: { ipv4: mustIp('10.0.0.1'), ipv6: mustIp('fd00::1') },
    });
  });

  test('leaves out nodes that share no family', () => {
    expect(peersOf(factsOf(node('a', ['fd00::1']), node('b', ['10.0.0.2'])), 'a').peers.size).toBe(0);
  });

  test('expects the AS number and the port that the other node has', () => {
    const facts = factsOf(
      configuration({ asNumber: 64600, listenPort: 1179 }),
      configuration({ listenPort: 2179 }, 'node.n2'),
      n1,
      n2,
      node('n3', ['10.0.0.3'], { as: 65010 }),
    );
    const { peers } = peersOf(facts, 'n1');
    expect(peers.get('10.0.0.2')).toMatchObject({ asNumber: 64600, config: { transport: { port: 2179 } } });
    expect(peers.get('10.0.0.3')).toMatchObject({ asNumber: 65010, config: { transport: { port: 1179 } } });
  });

  test('has no sessions when it is switched off, and none with route reflectors', () => {
    expect(peersOf(factsOf(NO_MESH, n1, n2), 'n1').peers.size).toBe(0);
    const reflected = factsOf(n1, n2, node('rr', ['10.0.0.9'], { cluster: '244.0.0.1' }));
    expect([...peersOf(reflected, 'n1').peers.keys()]).toEqual(['10.0.0.2']);
    expect(peersOf(reflected, 'rr').peers.size).toBe(0);
  });

  test('asks for the graceful-restart time of the configuration, as far as the field goes', () => {
    const time = (text: string) =>
      only(peersOf(factsOf(configuration({ nodeMeshMaxRestartTime: text }), n1, n2), 'n1').peers).config
        .gracefulRestartTime;
    expect(time('30s')).toBe(30);
    expect(time('10h')).toBe(4095);
  });
});

describe('a BGPPeer', () => {
  const tor = { peerIP: '192.0.2.1', asNumber: 65000 };
  const made = (spec: object, ...more: Parameters<typeof factsOf>) =>
    peersOf(factsOf(NO_MESH, n1, n2, peer('tor', { ...tor, ...spec }), ...more), 'n1');

  test('without node and selector is for all nodes, with the address as source', () => {
    const { config, type, asNumber } = only(made({}).peers);
    expect({ type, asNumber }).toEqual({ type: 'GlobalPeer', asNumber: 65000 });
    expect(config).toMatchObject({
      id: '192.0.2.1',
      transport: { source: mustIp('10.0.0.1') },
      nextHop: 'auto',
    });
    expect(config.transport).not.toHaveProperty('port');
  });

  test('with a node is for that node alone', () => {
    expect(only(made({ node: 'n1' }).peers).type).toBe('NodePeer');
    expect(made({ node: 'n2' }).peers.size).toBe(0);
  });

  test('with a selector is for the nodes that it selects', () => {
    expect(made({ nodeSelector: "role == 'rr'" }).peers.size).toBe(0);
    expect(made({ nodeSelector: "role != 'rr'" }).peers.size).toBe(1);
  });

  test('names a port after the address', () => {
    expect(only(made({ peerIP: '192.0.2.1:1790' }).peers).config.transport?.port).toBe(1790);
    expect(only(made({ peerIP: '[2001:db8::1]:1790' }).peers).config).toMatchObject({
      id: '2001:db8::1',
      transport: { port: 1790 },
    });
  });

  test('lets the kernel choose the source when sourceAddress is None', () => {
    expect(only(made({ sourceAddress: 'None' }).peers).config.transport).not.toHaveProperty('source');
  });

  test('guards by TTL, allows its own AS, has its own AS number, times and restart time', () => {
    const { config } = only(
      made({
        ttlSecurity: 2,
        numAllowedLocalASNumbers: 3,
        localASNumber: 65009,
        keepaliveTime: '10s',
        maxRestartTime: '45s',
      }).peers,
    );
    expect(config).toMatchObject({
      transport: { ttlSecurityHops: 2 },
      allowAsIn: 3,
      localAs: 65009,
      keepaliveTime: 10,
      gracefulRestartTime: 45,
    });
    expect(config).not.toHaveProperty('holdTime');
  });

  test('with a long keepalive gets a hold time that three of them fit into', () => {
    expect(only(made({ keepaliveTime: '60s' }).peers).config).toMatchObject({
      keepaliveTime: 60,
      holdTime: 180,
    });
  });

  test.each([
    [{ nextHopMode: 'Auto' }, 'auto'],
    [{ nextHopMode: 'Self' }, 'self'],
    [{ nextHopMode: 'Keep' }, 'keep'],
    [{ keepOriginalNextHop: true }, 'keep'],
    [{ keepOriginalNextHop: true, asNumber: 64512 }, 'auto'],
    [{ nextHopMode: 'Keep', asNumber: 64512 }, 'keep'],
  ])('%j means next hop %s', (spec, nextHop) => {
    expect(only(made(spec).peers).config.nextHop).toBe(nextHop);
  });

  test('that names a filter which is not there lets nothing pass, and says so', () => {
    const { peers, problems } = made({ filters: ['gone'] });
    const { config, missingFilters } = only(peers);
    expect(missingFilters).toEqual(['gone']);
    expect(config.exportPolicy).toEqual({ rules: [], otherwise: 'reject' });
    expect(config.importPolicy).toEqual({ rules: [], otherwise: 'reject' });
    expect(problems).toMatchObject([{ object: 'BGPPeer tor', reason: 'FilterMissing' }]);
    expect(problems[0]?.message).toContain('BGPFilter gone');
    expect(made({ filters: ['gone'] }, filter('gone', {})).problems).toEqual([]);
  });

  test('is reached by the gateway that it names', () => {
    const { peers, problems } = made({ reachableBy: '10.0.0.9' });
    expect(problems).toEqual([]);
    expect([...peers.values()].map(({ reachableBy }) => reachableBy)).toEqual([mustIp('10.0.0.9')]);
  });

  test('makes no session of a node with itself', () => {
    expect(made({ peerIP: '10.0.0.1' }).peers.size).toBe(0);
  });

  test('replaces the session of the mesh with the same node', () => {
    const facts = factsOf(n1, n2, peer('near', { peerIP: '10.0.0.2', asNumber: 64512 }));
    expect(only(peersOf(facts, 'n1').peers).type).toBe('GlobalPeer');
  });

  test('for one node wins over one for all with the same address; a contradiction is told', () => {
    const facts = factsOf(
      NO_MESH,
      n1,
      peer('a-global', tor),
      peer('b-node', { ...tor, asNumber: 65001, node: 'n1' }),
      peer('c-same', { ...tor, asNumber: 65001 }),
    );
    const { peers, problems } = peersOf(facts, 'n1');
    expect(only(peers)).toMatchObject({ asNumber: 65001, origin: 'BGPPeer b-node' });
    expect(problems).toMatchObject([{ object: 'BGPPeer a-global', reason: 'AddressTaken' }]);
  });
});

describe('peerSelector', () => {
  const spec = { nodeSelector: "role != 'rr'", peerSelector: "role == 'rr'" };
  const facts = (more: object = {}) =>
    factsOf(NO_MESH, n1, n2, node('n3', ['10.0.0.3']), peer('to-rr', { ...spec, ...more }));

  test('makes sessions from both ends without a second object', () => {
    expect([...peersOf(facts(), 'n1').peers.keys()]).toEqual(['10.0.0.2']);
    expect([...peersOf(facts(), 'n2').peers.keys()]).toEqual(['10.0.0.1', '10.0.0.3']);
    expect([...peersOf(facts(), 'n3').peers.keys()]).toEqual(['10.0.0.2']);
  });

  test('makes them from one end with reversePeering Manual', () => {
    expect(peersOf(facts({ reversePeering: 'Manual' }), 'n1').peers.size).toBe(1);
    expect(peersOf(facts({ reversePeering: 'Manual' }), 'n2').peers.size).toBe(0);
  });

  test('lets the far end expect the AS number that the near end shows', () => {
    const near = only(peersOf(facts({ localASNumber: 65099 }), 'n1').peers);
    const far = peersOf(facts({ localASNumber: 65099 }), 'n2').peers.get('10.0.0.1');
    expect(near.config.localAs).toBe(65099);
    expect(far).toMatchObject({ asNumber: 65099 });
    expect(far?.config).not.toHaveProperty('localAs');
  });
});

describe('a route reflector', () => {
  const rr1 = node('rr1', ['10.0.0.11'], { cluster: '244.0.0.1', labels: { role: 'rr' } });
  const rr2 = node('rr2', ['10.0.0.12'], { cluster: '244.0.0.1', labels: { role: 'rr' } });
  const rr3 = node('rr3', ['10.0.0.13'], { cluster: '244.0.0.2', labels: { role: 'rr' } });
  const all = [rr1, rr2, rr3, n1, peer('rr', { peerSelector: "role == 'rr'" })];
  const { peers } = peersOf(factsOf(...all), 'rr1');

  test('reflects to nodes without a cluster ID and to those of another cluster, under its own', () => {
    const cluster = { routeReflectorClient: true, clusterId: mustIp('244.0.0.1') };
    expect(peers.get('10.0.0.1')?.config).toMatchObject(cluster);
    expect(peers.get('10.0.0.13')?.config).toMatchObject(cluster);
    expect(peers.get('10.0.0.12')?.config).toMatchObject({ routeReflectorClient: false });
  });

  test('finds the node behind an address that is named', () => {
    const facts = factsOf(rr1, rr2, peer('by-ip', { peerIP: '10.0.0.12', asNumber: 64512 }));
    expect(only(peersOf(facts, 'rr1').peers).config.routeReflectorClient).toBe(false);
  });

  test('has no clients in other ASes', () => {
    const facts = factsOf(rr1, peer('tor', { peerIP: '192.0.2.1', asNumber: 65000 }));
    expect(only(peersOf(facts, 'rr1').peers).config.routeReflectorClient).toBe(false);
  });

  test('whose cluster ID is no address says so', () => {
    const facts = factsOf(
      node('rr', ['10.0.0.9'], { cluster: 'one' }),
      n1,
      peer('p', { peerSelector: 'all()' }),
    );
    expect(peersOf(facts, 'rr').problems).toMatchObject([{ object: 'Node rr', reason: 'Invalid' }]);
  });
});

describe('a password', () => {
  const secured = peer('tor', {
    peerIP: '192.0.2.1',
    asNumber: 65000,
    password: { secretKeyRef: { name: 's', key: 'k' } },
  });
  const with_ = (state: 'known' | 'missing' | undefined, object = secured) => {
    const store = storeOf([NO_MESH, n1, object]);
    if (state === 'known') store.setPasswords(new Map([['s/k', { state }]]));
    if (state === 'missing') store.setPasswords(new Map([['s/k', { state, message: 'it is not there' }]]));
    return peersOf(store.facts, 'n1');
  };

  test('that is known goes with the session by its name', () => {
    const { config, held } = only(with_('known').peers);
    expect(config.transport?.passwordKey).toBe('s/k');
    expect(config.enabled).not.toBe(false);
    expect(held).toBeUndefined();
  });

  test.each(['missing', undefined] as const)(
    'that is %s keeps the session down: never one without',
    state => {
      const { config, held } = only(with_(state).peers);
      expect(config.enabled).toBe(false);
      expect(config.transport?.passwordKey).toBe('s/k');
      expect(held).toContain(state === 'missing' ? 'it is not there' : 'not been read yet');
    },
  );

  test('that is missing is a problem; one that is not read yet is none', () => {
    expect(with_('missing').problems).toMatchObject([{ object: 'BGPPeer tor', reason: 'PasswordMissing' }]);
    expect(with_(undefined).problems).toEqual([]);
  });

  test('that is optional and missing means none, but not before it was looked for', () => {
    const optional = peer('tor', {
      peerIP: '192.0.2.1',
      asNumber: 65000,
      password: { secretKeyRef: { name: 's', key: 'k', optional: true } },
    });
    expect(only(with_('missing', optional).peers).config.transport).not.toHaveProperty('passwordKey');
    expect(only(with_(undefined, optional).peers).config.enabled).toBe(false);
  });

  test('of the mesh counts for all its sessions', () => {
    const mesh = configuration({ nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } } });
    const { peers, problems } = peersOf(factsOf(mesh, n1, n2), 'n1');
    expect(only(peers)).toMatchObject({ config: { enabled: false, transport: { passwordKey: 's/k' } } });
    expect(problems).toEqual([]);
  });
});

test('a mesh node that carries one family only gets a session for each, by its addresses', () => {
  const both = [
    node('n1', ['10.0.0.1', 'fd00::1']),
    node('n2', ['10.0.0.2', 'fd00::2']),
    node('n3', ['10.0.0.3']),
  ];
  const oneFamily = new Set(['10.0.0.2', '10.0.0.3']);
  const { peers } = peersOf(factsOf(...both), 'n1', { ...NOTHING_HEARD, oneFamily });
  expect([...peers].map(([id, { config }]) => [id, config.families, config.passive])).toEqual([
    ['10.0.0.2', undefined, true],
    ['fd00::2', ['ipv6-unicast'], true],
    ['10.0.0.3', undefined, true],
  ]);
});
