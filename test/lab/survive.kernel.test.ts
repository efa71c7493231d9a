import { RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askSocket } from '../../packages/lab/src/local-status.ts';
import { probe } from '../../packages/lab/src/probe.ts';
import { until } from '../../packages/lab/src/until.ts';
import { type Way, watchTraffic } from './continuous-probe.ts';
import { answerPods, BEHIND, becomes, inNetns, PEERING, put, startPodBird } from './pod-bird.ts';
import { TestCluster } from './lab-cluster.ts';

const DENY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny, namespace: shop }
spec: { podSelector: {} }
`;
const WEB_TO_API = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web-to-api, namespace: shop }
spec:
  podSelector: { matchLabels: { app: api } }
  ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: http }] }]
`;
const API_TO_DB = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: api-to-db, namespace: shop }
spec:
  podSelector: { matchLabels: { app: db } }
  ingress: [{ from: [{ podSelector: { matchLabels: { app: api } } }], ports: [{ port: 5432 }] }]
`;

/** Down-time that a connection must outlive while a process is away. */
const AWAY_MS = 3_000;
const API_AWAY_MS = 60_000;

describe('a running cluster', () => {
  let lab: TestCluster;
  let allowed: Way;
  let forbidden: Way;

  beforeAll(async () => {
    // web-1 on node1, api-1 on node2, db-1 on node3: every way crosses the underlay.
    lab = await TestCluster.up('tsurv', 3, 3, 'bird', [], 'none', false, 'dual');
    await lab.enforce(DENY);
    await lab.enforce(WEB_TO_API);
    allowed = lab.way('shop/web-1', 'shop/api-1', 8080);
    forbidden = lab.way('shop/web-1', 'shop/db-1', 5432);
  });
  afterAll(() => lab?.down());

  async function undisturbed(work: () => Promise<void>): Promise<void> {
    const traffic = await watchTraffic(allowed, forbidden);
    await work();
    const seen = await traffic.stop();
    expect(seen.cut).toEqual([]);
    expect(seen.leaked).toEqual([]);
    expect(seen.broken).toBe(false);
    expect(seen.echoes).toBeGreaterThan(3);
    expect(seen.tries).toBeGreaterThan(10);
  }

  const away = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

  it('keeps forwarding and dropping when every agent is killed, and follows new policies when they are back', async () => {
    const { cluster } = lab;
    const { nodes } = cluster.topology;
    await undisturbed(async () => {
      await Promise.all(nodes.map(node => cluster.child(`agent-${node.name}`).kill()));
      await away(AWAY_MS);
      await Promise.all(nodes.map(node => cluster.startAgent(node)));
    });
    const toDb = lab.way('shop/api-1', 'shop/db-1', 5432);
    expect((await probe({ ...toDb, protocol: 'TCP' }, 500)).outcome).toBe('silent');
    await lab.enforce(API_TO_DB);
    expect((await probe({ ...toDb, protocol: 'TCP' }, 3000)).outcome).toBe('open');
    await cluster.client.delete(RESOURCES.NetworkPolicy, { namespace: 'shop', name: 'api-to-db' });
    await lab.untilEnforced(new Map([['knp/shop/api-to-db', undefined]]));
    expect((await probe({ ...toDb, protocol: 'TCP' }, 500)).outcome).toBe('silent');
  });

  it('keeps its routes when a speaker is killed, here and at the router, and its sessions come back', async () => {
    const { cluster } = lab;
    const node = cluster.topology.nodes[1];
    if (node === undefined) throw new Error('no second node');
    await undisturbed(async () => {
      await cluster.child(`speaker-${node.name}`).kill();
      await away(AWAY_MS);
      await cluster.startSpeaker(node);
      const peers = () =>
        askSocket<readonly { state: string }[]>(`${cluster.folder}/${node.name}/speaker.sock`, '/v1/peers');
      const back = await until(
        peers,
        list => list?.length === 3 && list.every(p => p.state === 'Established'),
        60_000,
        100,
      );
      expect(back.held, JSON.stringify(back)).toBe(true);
    });
    const routes = (await cluster.router?.routes()) ?? [];
    expect(routes.filter(route => route.nextHops.includes(node.ip))).toHaveLength(1);
  });

  it('is renewed node by node, agent and speaker, without a lost or a leaked connection', {
    timeout: 180_000,
  }, async () => {
    const { cluster } = lab;
    await undisturbed(async () => {
      for (const node of cluster.topology.nodes) {
        // As a DaemonSet does: both containers of a pod end, both start, and the next node waits until they are ready.
        await Promise.all([
          cluster.child(`agent-${node.name}`).stop(),
          cluster.child(`speaker-${node.name}`).stop(),
        ]);
        await Promise.all([cluster.startAgent(node), cluster.startSpeaker(node)]);
        const peers = () =>
          askSocket<readonly { state: string }[]>(`${cluster.folder}/${node.name}/speaker.sock`, '/v1/peers');
        const back = await until(
          peers,
          list => list?.length === 3 && list.every(peer => peer.state === 'Established'),
          60_000,
          100,
        );
        expect(back.held, JSON.stringify(back)).toBe(true);
      }
    });
  });

  it('makes a pod a BGP peer of its node in both families, and no other; what it tells reaches the other nodes and the router', async () => {
    const { cluster } = lab;
    const [first, second] = cluster.topology.nodes;
    if (first === undefined || second === undefined) throw new Error('no two nodes');
    const families = [
      { ...{ family: 4, behind: BEHIND[4], peering: PEERING[4], via: first.ip }, inside: '10.123.0.1' },
      { ...{ family: 6, behind: BEHIND[6], peering: PEERING[6], via: first.ip6 }, inside: 'fd00:123::1' },
    ] as const;
    const both = (state: string) => state.match(/up.*Established/g)?.length === 2;
    await undisturbed(async () => {
      const [web, api] = await Promise.all([startPodBird(lab, 'web-1'), startPodBird(lab, 'api-1')]);
      // Calico tells nothing outside of pools without a filter, either.
      await put(lab, 'IPPool', 'nested', { cidr: '10.123.0.0/16', assignmentMode: 'Manual' });
      await put(lab, 'IPPool', 'nested6', { cidr: 'fd00:123::/48', assignmentMode: 'Manual' });
      await answerPods(lab);
      await put(lab, 'BGPPeer', 'nested', { localWorkloadSelector: "app == 'web'", asNumber: 65_401 });
      await becomes(web.state, both);
      const outside = async () => JSON.stringify(await cluster.router?.routes());
      for (const { family, behind, peering, via, inside } of families) {
        const route = () => inNetns(second.netns, 'ip', `-${family}`, 'route', 'show', behind);
        await becomes(route, text => text.includes(`via ${via} `));
        await becomes(outside, text => text.includes(behind));
        await inNetns(web.netns, 'ip', 'address', 'add', inside, 'dev', 'lo');
        // Nothing listens there; the pod's own kernel says so.
        const there = { netns: `/run/netns/${first.netns}`, ip: inside, protocol: 'TCP' } as const;
        expect((await probe({ ...there, port: 8080 }, 3000)).outcome).toBe('refused');
        // The node still sends to the pod from its own address.
        const ip = web.ips.find(one => one.includes(':') === (family === 6)) ?? '';
        expect(await inNetns(first.netns, 'ip', 'route', 'get', ip)).not.toContain(`src ${peering}`);
        expect(await inNetns(second.netns, 'ip', 'address')).not.toContain(peering);
      }
      expect(await api.state()).not.toMatch(/Established/);

      await cluster.client.delete(RESOURCES.BGPPeer, { name: 'nested' });
      await becomes(web.state, state => !/Established/.test(state));
      const addresses = () => inNetns(first.netns, 'ip', 'address');
      for (const { family, behind, peering } of families) {
        await becomes(
          () => inNetns(second.netns, 'ip', `-${family}`, 'route', 'show', behind),
          text => text === '',
        );
        await becomes(addresses, text => !text.includes(peering));
      }
      await Promise.all([web.stop(), api.stop()]);
    });
  });

  it('does not miss a killed controller, and elects it again', async () => {
    const { cluster } = lab;
    await undisturbed(async () => {
      await cluster.child('controller').kill();
      await away(500);
      await cluster.startController();
    });
    const status = () =>
      askSocket<{ role: string }>(`${cluster.folder}/control/controller.sock`, '/v1/status');
    const led = await until(status, s => s?.role === 'leader', 40_000, 200);
    expect(led.held, JSON.stringify(led)).toBe(true);
  });

  it('outlives a minute without the API server, and converges when it is back', {
    timeout: 180_000,
  }, async () => {
    const { cluster } = lab;
    await undisturbed(async () => {
      await cluster.child('api').kill();
      await away(API_AWAY_MS);
      await cluster.startApiServer();
    });
    await lab.enforce(API_TO_DB);
    const toDb = lab.way('shop/api-1', 'shop/db-1', 5432);
    expect((await probe({ ...toDb, protocol: 'TCP' }, 3000)).outcome).toBe('open');
  });
});
