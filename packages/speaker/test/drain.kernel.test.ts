import type { ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { RESOURCES } from '@muslin/kube';
import { muslinctl as runMuslinctl } from '../../cli/test/test-context.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { end, eventually, must, Stage } from './stage.ts';

const TOR = '10.78.0.3';
let stage: Stage;
let second: ChildProcess;
let bird: ReturnType<Stage['startBird']>;

const birdConfig = `
router id ${TOR};
log stderr all;
debug protocols { states, events };
protocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; }
${[1, 2]
  .map(
    host => `protocol bgp n${host} {
  local ${TOR} as 65000; neighbor 10.78.0.${host} as 64512;
  connect retry time 1; connect delay time 1; error wait time 1, 2; hold time 30;
  graceful restart on; long lived graceful restart on; graceful restart time 2; long lived stale time 40;
  ipv4 { import filter { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }; export where source = RTS_STATIC; next hop self; };
}`,
  )
  .join('\n')}
`;

const route = (prefix: string, ...more: string[]) => bird.ask('show', 'route', prefix, 'all', ...more);
// biome-ignore lint/suspicious/noExplicitAny: JSON of the socket
const peer = async (node: string): Promise<any> =>
  (await stage.json(node, '/v1/peers')).find((each: { id: string }) => each.id === TOR);
const annotate = async (value: string | null) =>
  must(
    await stage.client.patch(
      RESOURCES.Node,
      { name: 'n1' },
      { type: 'merge', body: { metadata: { annotations: { 'muslin.dev/drain': value } } } },
    ),
  );
function leave(node: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socketPath = join(stage.folder, node, 'speaker.sock');
    const path = `/v1/leave?text=${encodeURIComponent(text)}`;
    const call = request({ socketPath, path, method: 'POST' }, answer => {
      let body = '';
      answer.on('data', part => {
        body += part;
      });
      answer.on('end', () => resolve(body));
    });
    call.on('error', reject);
    call.end();
  });
}

beforeAll(async () => {
  stage = new Stage({ n1: 1, n2: 2, tor: 3 });
  await stage.serveApi();
  await stage.putNode('n1', '10.78.0.1');
  await stage.putNode('n2', '10.78.0.2');
  await stage.put('IPPool', 'pods', { spec: { cidr: '10.244.0.0/16' } });
  await stage.put('BGPConfiguration', 'default', {
    spec: { serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }], nodeToNodeMeshEnabled: false },
  });
  await stage.put('BGPPeer', 'tor', { spec: { peerIP: TOR, asNumber: 65000, maxRestartTime: '2s' } });
  await stage.put('BGPPeerPolicy', 'slow', {
    spec: { peerNames: ['tor'], longLivedRestartSeconds: 60, connectRetryTimeSeconds: 1 },
  });
  await stage.putBlock('n1', '10.244.1.0/26');
  bird = stage.startBird('tor', birdConfig);
  stage.startSpeaker('n1');
  second = stage.startSpeaker('n2');
});

afterAll(() => stage?.close());

test('a node is ready when its router has told everything', async () => {
  await eventually(async () => {
    expect(await stage.json('n1', '/v1/status')).toMatchObject({ ready: true, waitingFor: [] });
    expect(stage.learned('n1')).toEqual([`203.0.113.0/24 via ${TOR}`]);
  }, 30_000);
  await eventually(() => expect(route('192.0.2.0/24').match(/via 10\.78\.0\.[12]/g)).toHaveLength(2));
});

test('a node that is drained tells its routes as second choice, and traffic goes to the other (RFC 8326)', async () => {
  await annotate('true');
  await eventually(() => {
    expect(route('10.244.1.0/26')).toContain('(65535,0)');
    expect(route('192.0.2.0/24', 'primary')).toContain('via 10.78.0.2');
  });
  expect(route('10.244.1.0/26')).toContain('via 10.78.0.1');
  await annotate(null);
  await eventually(() => expect(route('10.244.1.0/26')).not.toContain('(65535,0)'));
  expect((await peer('n1')).established).toBe(1);
});

test('a router that is gone for longer than its restart time is a last resort, and back as it was (RFC 9494)', async () => {
  bird.child.kill('SIGKILL');
  await eventually(async () => {
    const [told] = await stage.json('n1', `/v1/received?peer=${TOR}`);
    expect(told).toMatchObject({ prefix: '203.0.113.0/24', stale: true });
    const why = await stage.json('n1', '/v1/explain?prefix=203.0.113.0/24');
    expect(why.winner.attributes.communities).toContain(0xffff0006);
  }, 15_000);
  expect(stage.learned('n1')).toEqual([`203.0.113.0/24 via ${TOR}`]);
  bird = stage.startBird('tor', birdConfig);
  await eventually(async () => {
    const why = await stage.json('n1', '/v1/explain?prefix=203.0.113.0/24');
    expect(why.winner).toMatchObject({ stale: false });
    expect(why.winner.attributes.communities ?? []).not.toContain(0xffff0006);
    expect((await peer('n2')).state).toBe('Established');
  }, 30_000);
});

test('BIRD keeps our routes as last resort when we are gone for longer than our restart time (RFC 9494)', async () => {
  await eventually(() => expect(route('192.0.2.0/24')).toContain('via 10.78.0.2'));
  await end(second, 'SIGKILL');
  await eventually(() => expect(route('192.0.2.0/24', 'protocol', 'n2')).toContain('(65535,6)'), 15_000);
  expect(route('192.0.2.0/24', 'primary')).toContain('via 10.78.0.1');
  second = stage.startSpeaker('n2');
  await eventually(() => {
    expect(route('192.0.2.0/24', 'protocol', 'n2')).toContain('via 10.78.0.2');
    expect(route('192.0.2.0/24', 'protocol', 'n2')).not.toContain('(65535,6)');
  }, 30_000);
});

test('muslinctl takes a node out of the network and back: its peers are told why, its kernel keeps all, also over a restart', async () => {
  const muslinctl = (...argv: string[]) =>
    runMuslinctl(['bgp', ...argv, '--kubeconfig', stage.adminKubeconfig, '--timeout', '20']);
  expect(await muslinctl('drain', 'n2')).toEqual({
    ...{ code: 0, stderr: '', stdout: 'n2: its routes are second choice; sessions stay up\n' },
  });
  await eventually(() => expect(route('192.0.2.0/24', 'protocol', 'n2')).toContain('(65535,0)'));
  const left = await muslinctl('leave', 'n2', '--message', 'new power supply', '--grace', '0');
  expect(left).toMatchObject({ code: 0, stderr: '' });
  expect(left.stdout).toContain('n2: its routes are withdrawn and its sessions are down\n');
  expect(bird.ask('show', 'route')).not.toContain('via 10.78.0.2');
  expect(stage.logOf('tor.log')).toContain('new power supply');
  expect(stage.learned('n2')).toEqual([`203.0.113.0/24 via ${TOR}`]);
  await end(second, 'SIGKILL');
  second = stage.startSpeaker('n2');
  await eventually(async () =>
    expect(await stage.json('n2', '/v1/status')).toMatchObject({ service: 'Left' }),
  );
  expect(bird.ask('show', 'route')).not.toContain('via 10.78.0.2');
  expect(stage.learned('n2')).toEqual([`203.0.113.0/24 via ${TOR}`]);
  expect(await muslinctl('undrain', 'n2')).toMatchObject({ code: 0, stdout: 'n2: in service\n' });
  await eventually(() => {
    expect(route('192.0.2.0/24', 'protocol', 'n2')).toContain('via 10.78.0.2');
    expect(route('192.0.2.0/24', 'protocol', 'n2')).not.toContain('(65535,0)');
  }, 30_000);
  expect(stage.learned('n2')).toEqual([`203.0.113.0/24 via ${TOR}`]);
  expect(await muslinctl('drain', 'n9')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'error: there is no node n9\n',
  });
});

test('a node that leaves withdraws its routes and says why; the peers have it when it is done, its kernel keeps all', async () => {
  await eventually(() => expect(route('10.244.1.0/26')).toContain('via 10.78.0.1'));
  expect(JSON.parse(await leave('n1', 'rack moves'))).toEqual({ left: true, unconfirmed: 0 });
  expect(bird.ask('show', 'route')).not.toContain('via 10.78.0.1');
  expect(route('192.0.2.0/24')).toContain('via 10.78.0.2');
  expect(stage.logOf('tor.log')).toContain('rack moves');
  expect(stage.learned('n1')).toEqual([`203.0.113.0/24 via ${TOR}`]);
  await new Promise(resolve => setTimeout(resolve, 3000));
  expect(bird.ask('show', 'route')).not.toContain('via 10.78.0.1');
  expect(await stage.json('n1', '/v1/status')).toMatchObject({ left: true });
});
