import { describe, expect, it } from 'vitest';
import { fakeApi } from '../fake-api.ts';
import { muslinctl } from '../test-context.ts';
import { block, CALICO, CLUSTER, pod, podOwner } from './cluster.ts';

describe('muslinctl ipam why', () => {
  const why = async (changes: Parameters<typeof fakeApi>[0], ip: string) => {
    const server = await fakeApi({ ...CLUSTER, ...changes });
    const ran = await muslinctl(['ipam', 'why', ip, '--kubeconfig', server.kubeconfig]);
    await server.close();
    return ran.stdout;
  };
  const pods = CLUSTER['/api/v1/pods'];

  it('names another pod that reports the address, and one that took the name', async () => {
    expect(await why({ '/api/v1/pods': [...pods, pod('thief', 'n2', '10.1.0.2')] }, '10.1.0.2')).toContain(
      '  conflict Pod web/thief reports it too\n',
    );
    const other = {
      ...pod('gone', 'n1', '10.1.0.9'),
      metadata: { name: 'gone', namespace: 'web', uid: 'uid-2' },
    };
    const told = await why({ '/api/v1/pods': [...pods, other] }, '10.1.0.1');
    expect(told).toContain('the pod of this name is another one now, uid uid-2');
    expect(told).toContain('  verdict  lost perhaps, on one word: Pod web/gone is another one');
  });

  it('says to leave alone what a node has, and to wait for what is young', async () => {
    const n1 = {
      metadata: { name: 'n1' },
      status: { addresses: ['10.1.0.1'], readAt: '2026-03-01T11:59:00Z', conditions: [] },
    };
    expect(await why({ '/apis/muslin.dev/v1alpha1/addressnodestatuses': [n1] }, '10.1.0.1')).toContain(`\
  verdict  in use: there is no Pod web/gone, but the kernel of n1 has 10.1.0.1
  next     leave it alone
`);
    const young = block('10.1.0.0/28', 'n1', [{ ip: '10.1.0.5', node: 'n1', owner: podOwner('new') }]);
    const text = JSON.stringify(young).replaceAll('2026-02-28T12:00:00Z', '2026-03-01T11:50:00Z');
    expect(await why({ [`${CALICO}/ipamblocks`]: [JSON.parse(text)] }, '10.1.0.5')).toContain(`\
  verdict  too young to be called lost
  next     look again after 15 minutes
`);
  });
});

describe('muslinctl ipam check', () => {
  it('takes a pod that has finished for gone, and one that is leaving for no thief', async () => {
    const finished = {
      ...pod('gone', 'n1', '10.1.0.1'),
      status: { phase: 'Succeeded', podIPs: [{ ip: '10.1.0.1' }] },
    };
    const { metadata, ...rest } = pod('late', 'n1', '10.1.0.9');
    const leaving = { ...rest, metadata: { ...metadata, deletionTimestamp: '2026-03-01T11:59:00Z' } };
    const server = await fakeApi({
      ...CLUSTER,
      '/api/v1/pods': [...CLUSTER['/api/v1/pods'], finished, leaving],
    });
    const ran = await muslinctl(['ipam', 'check', '--show-problem-ips', '--kubeconfig', server.kubeconfig]);
    await server.close();
    expect(ran.stdout).toContain('  10.1.0.1 of web/gone looks leaked');
    expect(ran.stdout).not.toContain('10.1.0.9');
  });

  it('plans for many in few lines: nodes that tell nothing, and addresses of one node', async () => {
    const nodes = Array.from({ length: 25 }, (_, i) => `m${String(i).padStart(2, '0')}`);
    const held = (node: string, first: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({
        ...{ ip: `10.1.0.${first + i}`, node, owner: podOwner(`${node}-${i}`) },
      }));
    const server = await fakeApi({
      ...CLUSTER,
      '/api/v1/nodes': nodes.map(name => ({ metadata: { name } })),
      [`${CALICO}/ipamblocks`]: [
        block('10.1.0.0/26', 'm00', [
          ...held('m00', 0, 10),
          ...nodes.slice(1).flatMap((node, i) => held(node, 10 + i, 1)),
        ]),
      ],
    });
    const { stdout } = await muslinctl(['ipam', 'check', '--fix-plan', '--kubeconfig', server.kubeconfig]);
    await server.close();
    const plan = stdout.slice(stdout.indexOf('Plan:')).split('\n');
    expect(plan.slice(0, 5)).toEqual([
      'Plan:',
      '  m00 does not tell what it has (kubectl get addressnodestatuses m00): once it does, check again',
      '    or look there that nothing uses 10.1.0.0, 10.1.0.1, 10.1.0.2, 10.1.0.3, 10.1.0.4, 10.1.0.5, 10.1.0.6, 10.1.0.7 and 2 more, then: muslinctl ipam release --ip … --force',
      '  m01 does not tell what it has (kubectl get addressnodestatuses m01): once it does, check again',
      '    or look there that nothing uses 10.1.0.10, then: muslinctl ipam release --ip 10.1.0.10 --force',
    ]);
    expect(plan).toContain('  and 5 more nodes: muslinctl ipam check -o report.json names all');
    expect(plan.filter(line => line.includes('does not tell'))).toHaveLength(20);
  });

  it('tells what happens to pods whose blocks somebody deleted, before anybody deletes pods', async () => {
    const server = await fakeApi({ ...CLUSTER, [`${CALICO}/ipamblocks`]: [] });
    const { stdout } = await muslinctl(['ipam', 'check', '--fix-plan', '--kubeconfig', server.kubeconfig]);
    await server.close();
    expect(stdout).toContain(
      '  10.1.0.0 is used by Pod web/a, and its IPAMBlock was deleted: its node claims the block again within a minute and writes down who has what; if it does not: kubectl delete pod -n web a\n',
    );
  });
});
