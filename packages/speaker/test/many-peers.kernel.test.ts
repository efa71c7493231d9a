import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, Stage } from './stage.ts';

const PEERS = 100;
let stage: Stage;
let routers: ChildProcess;

beforeAll(async () => {
  stage = new Stage({ n1: 1, many: 3 });
  // The routers are a subnet apart from the bridge's.
  stage.run('n1', 'ip', 'addr', 'add', '10.78.1.1/24', 'dev', 'eth0');
  for (let i = 0; i < PEERS; i++)
    stage.run('many', 'ip', 'addr', 'add', `10.78.1.${100 + i}/24`, 'dev', 'eth0');
  await stage.serveApi();
  await stage.putNode('n1', '10.78.1.1');
  await stage.put('IPPool', 'pods', { spec: { cidr: '10.244.0.0/16' } });
  await stage.putBlock('n1', '10.244.1.0/26');
  await stage.putBlock('n1', '10.244.2.0/26');
  await stage.put('BGPFilter', 'one', { spec: {} });
  for (let i = 0; i < PEERS; i++)
    await stage.put('BGPPeer', `p${i}`, {
      spec: { peerIP: `10.78.1.${100 + i}`, asNumber: 65000, ...(i === 7 ? { filters: ['one'] } : {}) },
    });
  const main = fileURLToPath(new URL('router-main.ts', import.meta.url));
  routers = stage.start(
    ...(['many', 'many.log', process.execPath, '--conditions=@muslin/source', main] as const),
    ...['65000', '100', String(PEERS), '10.78.1.1', '64512'],
  );
  stage.startSpeaker('n1');
});

afterAll(() => stage?.close());

/** What the routers have seen. */
async function seen(): Promise<{
  readonly ups: readonly number[];
  readonly told: readonly (readonly string[])[];
}> {
  const before = stage.logOf('many.log').split('\n').length;
  // The child is `ip`, which became node by exec: one process.
  routers.kill('SIGUSR2');
  let text = '';
  await eventually(() => {
    const lines = stage.logOf('many.log').split('\n');
    expect(lines.length).toBeGreaterThan(before);
    text = lines.at(-2) ?? '';
  });
  return JSON.parse(text);
}

test('a hundred sessions come up, and changing the filter of one resets none', async () => {
  await eventually(async () => {
    const { peersEstablished } = await stage.json('n1', '/v1/status');
    expect(peersEstablished).toBe(PEERS);
  }, 30_000);
  await eventually(async () => {
    for (const told of (await seen()).told) expect(told).toEqual(['10.244.1.0/26', '10.244.2.0/26']);
    expect(stage.learned('n1')).toHaveLength(PEERS);
  });

  const rule = { action: 'Reject', matchOperator: 'Equal', cidr: '10.244.2.0/26' };
  await stage.put('BGPFilter', 'one', {
    spec: {
      exportV4: [rule],
      importV4: [{ action: 'Reject', matchOperator: 'Equal', cidr: '198.18.7.0/24' }],
    },
  });
  await eventually(async () => {
    const { told } = await seen();
    expect(told[7]).toEqual(['10.244.1.0/26']);
    expect(stage.learned('n1')).toHaveLength(PEERS - 1);
  });
  const { ups, told } = await seen();
  expect(ups).toEqual(new Array(PEERS).fill(1));
  expect(told.filter(list => list.length === 2)).toHaveLength(PEERS - 1);
});

test('a filter that becomes nonsense, or goes, leaves everything as it was and is told', async () => {
  await stage.client.raw({
    method: 'DELETE',
    path: '/apis/projectcalico.org/v3/bgpfilters/one',
  });
  await eventually(async () => {
    const { conditions } = await stage.json('n1', '/v1/status');
    expect(conditions[0]).toMatchObject({ status: 'False', reason: 'FilterMissing' });
  });
  const { ups, told } = await seen();
  expect(ups).toEqual(new Array(PEERS).fill(1));
  expect(told[7]).toEqual(['10.244.1.0/26']);
});

test('a password for one session ends that one, since its router has none, and no other', async () => {
  await stage.put('Secret', 'bgp', { data: { k: Buffer.from('new').toString('base64') } }, 'kube-system');
  const password = { secretKeyRef: { name: 'bgp', key: 'k' } };
  await stage.put('BGPPeer', 'p8', { spec: { peerIP: '10.78.1.108', asNumber: 65000, password } });
  await eventually(async () => {
    expect((await stage.json('n1', '/v1/status')).peersEstablished).toBe(PEERS - 1);
  });
  await stage.put('Secret', 'bgp', { data: { k: Buffer.from('newer').toString('base64') } }, 'kube-system');
  await new Promise(resolve => setTimeout(resolve, 1500));
  const { ups } = await seen();
  expect(ups.filter((_, i) => i !== 8)).toEqual(new Array(PEERS - 1).fill(1));
  await stage.put('BGPPeer', 'p8', { spec: { peerIP: '10.78.1.108', asNumber: 65000 } });
  await eventually(async () => {
    expect((await stage.json('n1', '/v1/status')).peersEstablished).toBe(PEERS);
  }, 40_000);
});
