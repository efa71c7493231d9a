import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './fake-api.ts';
import { muslinctl } from './test-context.ts';

const peer = (address: string, state: string, more: object) => ({
  ...{ address, asNumber: 64512, type: 'Mesh', state, families: ['ipv4-unicast'] },
  ...more,
});
const counts = { prefixesReceived: 3, prefixesAccepted: 3, prefixesAdvertised: 2 };

let api: FakeApi;
const peers = (...argv: string[]) => muslinctl(['bgp', 'peers', ...argv, '--kubeconfig', api.kubeconfig]);

beforeAll(async () => {
  const status = (name: string, list: readonly object[]) => ({
    metadata: { name },
    status: {
      routerID: '192.0.2.1',
      asNumber: 64512,
      peers: list,
      routesLearned: 3,
      lastUpdated: '2026-03-01T11:59:58Z',
    },
  });
  api = await fakeApi({
    '/apis/muslin.dev/v1alpha1/bgpnodestatuses': [
      status('n1', [
        peer('192.0.2.2', 'Established', {
          ...counts,
          since: '2026-03-01T09:00:00Z',
          lastError: 'old trouble',
        }),
        peer('192.0.2.254', 'Active', {
          type: 'Global',
          asNumber: 64500,
          since: '2026-03-01T11:57:00Z',
          lastError: 'connection refused: is the peer listening on 179?',
        }),
      ]),
      status('n2', [peer('192.0.2.1', 'Established', { ...counts, since: '2026-03-01T09:00:00Z' })]),
    ],
  });
});
afterAll(() => api.close());

describe('muslinctl bgp peers', () => {
  it('shows every session of every node, and why one is down', async () => {
    const ran = await peers();
    expect(ran.stdout).toBe(`\
NODE   PEER          ASN     TYPE     STATE         SINCE   RECEIVED   ADVERTISED   INFO
n1     192.0.2.2     64512   Mesh     Established   3h      3          2            -
n1     192.0.2.254   64500   Global   Active        3m      <none>     <none>       connection refused: is the peer listening on 179?
n2     192.0.2.1     64512   Mesh     Established   3h      3          2            -
`);
    expect(ran.code).toBe(1);
  });

  it('takes no word of a speaker that is gone for news of its sessions', async () => {
    const told = (name: string, routerID: string, lastUpdated: string, list: readonly object[]) => ({
      metadata: { name },
      status: { routerID, asNumber: 64512, peers: list, routesLearned: 0, lastUpdated },
    });
    const since = '2026-03-01T09:00:00Z';
    const server = await fakeApi({
      '/apis/muslin.dev/v1alpha1/bgpnodestatuses': [
        // n2 is gone for two minutes, and n1 knows; n3 has told nothing for an hour.
        told('n1', '192.0.2.1', '2026-03-01T11:59:58Z', [peer('192.0.2.2', 'Active', { since })]),
        told('n2', '192.0.2.2', '2026-03-01T11:57:00Z', [
          peer('192.0.2.1', 'Established', { ...counts, since }),
        ]),
        told('n3', '192.0.2.3', '2026-03-01T11:00:00Z', [
          peer('192.0.2.9', 'Established', { ...counts, since }),
        ]),
      ],
    });
    const ran = await muslinctl(['bgp', 'peers', '-o', 'json', '--kubeconfig', server.kubeconfig]);
    await server.close();
    expect(JSON.parse(ran.stdout)).toMatchObject([
      { node: 'n1', state: 'Active' },
      { node: 'n2', state: 'Unknown', info: expect.stringContaining('its speaker stopped') },
      { node: 'n3', state: 'Unknown', info: expect.stringContaining('its speaker stopped') },
    ]);
    expect(ran.code).toBe(1);
  });

  it('ends with 0 when all that was asked for is up', async () => {
    const ran = await peers('n2');
    expect(ran.code).toBe(0);
    expect(ran.stdout.split('\n')).toHaveLength(3);
  });

  it('is summed up for each node by get', async () => {
    const ran = await muslinctl(['get', 'bgpns', '--kubeconfig', api.kubeconfig]);
    expect(ran.stdout).toBe(`\
NAME   ROUTERID    ASN     ESTABLISHED   ROUTES   UPDATED
n1     192.0.2.1   64512   1/2           3        2s
n2     192.0.2.1   64512   1/1           3        2s
`);
  });

  it('gives the same as data', async () => {
    expect(JSON.parse((await peers('n2', '-o', 'json')).stdout)).toEqual([
      {
        ...{ node: 'n2', peer: '192.0.2.1', asn: 64512, type: 'Mesh', state: 'Established' },
        ...{ since: '2026-03-01T09:00:00Z', received: 3, accepted: 3, advertised: 2 },
        families: ['ipv4-unicast'],
      },
    ]);
  });

  it('fails for a node that reports nothing', async () => {
    expect(await peers('n9')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: node n9 has reported no BGP sessions: is its speaker running?\n',
    });
  });
});
