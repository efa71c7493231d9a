import { type AnyObject, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stand } from './stand.ts';

const OWN = { group: 'muslin.dev', version: 'v1alpha1', namespaced: false } as const;
const POLICY_STATUS = { ...OWN, plural: 'policynodestatuses', kind: 'PolicyNodeStatus' };

describe('the controllers of a cluster', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.up();
    for (const [name, ip] of [
      ['n1', '192.0.2.1'],
      ['n2', '192.0.2.2'],
    ] as const)
      await stand.make('Node', {
        metadata: { name, labels: { rack: name } },
        status: { addresses: [{ type: 'InternalIP', address: ip }] },
      });
    stand.startController('only');
  }, 60_000);
  afterAll(() => stand?.down());

  const pool = (name: string, cidr: string, more: object) =>
    stand.make('IPPool', { metadata: { name }, spec: { cidr, ...more } });
  const service = (name: string, more: object = {}, annotations: Record<string, string> = {}) =>
    stand.make('Service', {
      metadata: { name, namespace: 'default', annotations },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: name }, ...more },
    });
  const ingressOf = async (name: string): Promise<readonly string[]> => {
    const object = await stand.read('Service', name, 'default');
    const { loadBalancer } = (object?.['status'] ?? {}) as {
      loadBalancer?: { ingress?: readonly { ip: string }[] };
    };
    return (loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  };
  const gets = (name: string, ips: readonly string[]) =>
    stand.untilTrue(
      `Service ${name} has ${ips.join()}`,
      async () => (await ingressOf(name)).join() === ips.join(),
    );
  const handles = async () =>
    (await stand.all(RESOURCES.IPAMHandle)).filter(({ metadata }) => metadata.name?.startsWith('lb-')).length;
  const fieldOf = (object: AnyObject | undefined, field: 'spec' | 'status') => object?.[field] as never;

  it('say what the cluster is, once and for all, and which settings are in effect', async () => {
    const information = () => stand.read('ClusterInformation', 'default');
    await stand.untilTrue('it is said', async () => (await information()) !== undefined);
    const spec = (await information())?.['spec'] as Record<string, unknown>;
    expect(spec).toMatchObject({ datastoreReady: true, variant: 'Muslin', clusterType: 'k8s,bgp,muslin' });
    expect(spec['clusterGUID']).toMatch(/^[0-9a-f]{32}$/);
    await stand.untilTrue('the running settings are told', async () => {
      const object = await stand.read('KubeControllersConfiguration', 'default');
      return JSON.stringify(object?.['status'] ?? {}).includes('"leakGracePeriod":"15m"');
    });
  });

  it('make the built-in tiers, and let no tier go while a policy is in it', async () => {
    for (const name of ['default', 'kube-admin', 'kube-baseline'])
      await stand.untilTrue(`tier ${name} is ready`, async () =>
        JSON.stringify((await stand.read('Tier', name))?.['status'] ?? {}).includes('"status":"True"'),
      );
    await stand.make('Tier', { metadata: { name: 'security' }, spec: { order: 10 } });
    await stand.make('GlobalNetworkPolicy', {
      metadata: { name: 'security.all' },
      spec: { tier: 'security', selector: 'all()', types: ['Ingress'] },
    });
    await stand.untilTrue('the tier is held', async () =>
      Boolean((await stand.read('Tier', 'security'))?.metadata.finalizers?.length),
    );
    await stand.remove('Tier', 'security');
    await stand.untilTrue('the tier says what it waits for', async () =>
      JSON.stringify((await stand.read('Tier', 'security'))?.['status'] ?? {}).includes(
        'the tier goes when its policies are gone or in another tier: GlobalNetworkPolicy security.all',
      ),
    );
    await stand.remove('GlobalNetworkPolicy', 'security.all');
    await stand.untilTrue(
      'the tier is gone',
      async () => (await stand.read('Tier', 'security')) === undefined,
    );
  });

  it('leave Services alone while no pool is for them, and give addresses as soon as one is', async () => {
    await service('early');
    await service('named', { loadBalancerClass: 'calico' });
    await service('elsewhere', { loadBalancerClass: 'example.com/other' });
    await stand.untilTrue('who named us is told why nothing comes', async () =>
      (await stand.told('Service', 'named')).includes(
        'NoAddress: no address: no IPPool has LoadBalancer among its allowedUses: make one',
      ),
    );
    expect(await stand.told('Service', 'early')).toEqual([]);
    await pool('services', '203.0.113.0/28', { allowedUses: ['LoadBalancer'], blockSize: 30 });
    for (const name of ['early', 'named'])
      await stand.untilTrue(`${name} has one`, async () => (await ingressOf(name)).length === 1);
    expect(await ingressOf('early')).not.toEqual(await ingressOf('named'));
    expect(await ingressOf('elsewhere')).toEqual([]);
    const [block] = await stand.all(RESOURCES.IPAMBlock);
    expect(fieldOf(block, 'spec')).toMatchObject({ affinity: 'virtual:load-balancer' });
    await stand.untilTrue('it is told', async () =>
      /^AddressAssigned: address 203\.0\.113\.\d+$/.test((await stand.told('Service', 'early')).join()),
    );
  });

  it('give the address that is asked for, say who has it else, and move with the wish', async () => {
    await service('wants', {}, { 'projectcalico.org/loadBalancerIPs': '["203.0.113.9"]' });
    await gets('wants', ['203.0.113.9']);
    await service('second', { loadBalancerIP: '203.0.113.9' });
    await stand.untilTrue('the second hears who has it', async () =>
      (await stand.told('Service', 'second')).some(text => /203\.0\.113\.9 is in use by lb-/.test(text)),
    );
    await stand.patch(
      'Service',
      'wants',
      { metadata: { annotations: { 'projectcalico.org/loadBalancerIPs': '["203.0.113.10"]' } } },
      'default',
    );
    await gets('wants', ['203.0.113.10']);
    await gets('second', ['203.0.113.9']);
    await stand.patch(
      'Service',
      'wants',
      { metadata: { annotations: { 'projectcalico.org/loadBalancerIPs': '203.0.113.11' } } },
      'default',
    );
    await stand.untilTrue('nonsense is told of', async () =>
      (await stand.told('Service', 'wants')).some(text =>
        text.includes('must be a JSON list of texts such as'),
      ),
    );
    expect(await ingressOf('wants')).toEqual(['203.0.113.10']);
  });

  it('take from the pools that are asked for, and only give to those who ask where that is set', async () => {
    await pool('other', '198.51.100.0/28', {
      allowedUses: ['LoadBalancer'],
      assignmentMode: 'Manual',
      blockSize: 30,
    });
    await stand.patch('KubeControllersConfiguration', 'default', {
      spec: { controllers: { loadBalancer: { assignIPs: 'RequestedServicesOnly' } } },
    });
    await service('picky', {}, { 'projectcalico.org/ipv4pools': '["other"]' });
    await stand.untilTrue('it is served', async () =>
      (await ingressOf('picky')).some(ip => ip.startsWith('198.51.100.')),
    );
    await gets('early', []);
    await stand.patch('KubeControllersConfiguration', 'default', {
      spec: { controllers: { loadBalancer: { assignIPs: 'AllServices' } } },
    });
    for (const name of ['early', 'named'])
      await stand.untilTrue(`${name} is served again`, async () => (await ingressOf(name)).length === 1);
  });

  it('take addresses back from Services that are gone or want none any more', async () => {
    const served = ['early', 'named', 'wants', 'second', 'picky'];
    await stand.untilTrue('each that has an address has a handle', async () => {
      const shown = await Promise.all(served.map(ingressOf));
      return shown.every(ips => ips.length === 1) && (await handles()) === served.length;
    });
    await stand.patch('Service', 'second', { spec: { type: 'ClusterIP', loadBalancerIP: null } }, 'default');
    await gets('second', []);
    await stand.remove('Service', 'wants', 'default');
    await stand.untilTrue('two handles are gone', async () => (await handles()) === served.length - 2);
  });

  it('let a pool go when its last address is back, and give nothing of it before', async () => {
    await stand.untilTrue('the pool is held', async () =>
      Boolean((await stand.read('IPPool', 'other'))?.metadata.finalizers?.length),
    );
    await stand.remove('IPPool', 'other');
    await stand.untilTrue('it says that it is going', async () =>
      JSON.stringify((await stand.read('IPPool', 'other'))?.['status'] ?? {}).includes('Terminating'),
    );
    await service('late', {}, { 'projectcalico.org/ipv4pools': '["other"]' });
    await stand.untilTrue('the late one hears why', async () =>
      (await stand.told('Service', 'late')).some(text => text.includes('IPPool other is disabled')),
    );
    await stand.remove('Service', 'late', 'default');
    await stand.remove('Service', 'picky', 'default');
    await stand.untilTrue(
      'the pool is gone',
      async () => (await stand.read('IPPool', 'other')) === undefined,
    );
    expect(
      (await stand.all(RESOURCES.IPAMBlock)).filter(({ metadata }) => metadata.name?.startsWith('198-')),
    ).toEqual([]);
  });

  it('let a pool go at once whose addresses an older one goes on to serve', async () => {
    await pool('overlap', '203.0.113.0/27', { allowedUses: ['LoadBalancer'], blockSize: 30 });
    await stand.untilTrue('the pool is held', async () =>
      Boolean((await stand.read('IPPool', 'overlap'))?.metadata.finalizers?.length),
    );
    expect(await ingressOf('early')).toHaveLength(1);
    await stand.remove('IPPool', 'overlap');
    await stand.untilTrue(
      'the pool is gone',
      async () => (await stand.read('IPPool', 'overlap')) === undefined,
    );
    expect(await ingressOf('early')).toHaveLength(1);
  });

  it('make host endpoints of nodes when told to, follow labels, and touch no other', async () => {
    await stand.make('HostEndpoint', {
      metadata: { name: 'mine' },
      spec: { node: 'n1', interfaceName: 'eth9' },
    });
    await stand.patch('KubeControllersConfiguration', 'default', {
      spec: {
        controllers: {
          node: {
            hostEndpoint: {
              autoCreate: 'Enabled',
              templates: [{ generateName: 'lan', interfaceCIDRs: ['192.0.2.2/32'], labels: { zone: 'lan' } }],
            },
          },
        },
      },
    });
    const names = async () =>
      (await stand.all(RESOURCES.HostEndpoint)).map(({ metadata }) => metadata.name).sort();
    const all = ['mine', 'n1-auto-hep', 'n2-auto-hep', 'n2-lan-auto-hep'];
    await stand.untilTrue('they are there', async () => (await names()).join() === all.join());
    const first = await stand.read('HostEndpoint', 'n1-auto-hep');
    expect(first?.metadata.labels).toMatchObject({
      rack: 'n1',
      'projectcalico.org/created-by': 'calico-kube-controllers',
    });
    expect(fieldOf(first, 'spec')).toEqual({
      node: 'n1',
      interfaceName: '*',
      expectedIPs: ['192.0.2.1'],
      profiles: ['projectcalico-default-allow'],
    });
    await stand.patch('Node', 'n1', { metadata: { labels: { rack: 'moved' } } });
    await stand.untilTrue(
      'the label has followed',
      async () => (await stand.read('HostEndpoint', 'n1-auto-hep'))?.metadata.labels?.['rack'] === 'moved',
    );
    await stand.client.create(POLICY_STATUS, { metadata: { name: 'n2' }, spec: {} } as AnyObject);
    await stand.remove('Node', 'n2');
    await stand.untilTrue(
      'those of the lost node are gone',
      async () => (await names()).join() === 'mine,n1-auto-hep',
    );
    await stand.untilTrue(
      'and so is what it last said',
      async () => (await stand.all(POLICY_STATUS)).length === 0,
    );
    await stand.patch('KubeControllersConfiguration', 'default', {
      spec: { controllers: { node: { hostEndpoint: { autoCreate: 'Disabled' } } } },
    });
    await stand.untilTrue('ours are gone', async () => (await names()).join() === 'mine');
  });

  it('tell by an Event what of an object is not in effect', async () => {
    await stand.make('CalicoNetworkPolicy', {
      metadata: { name: 'typo', namespace: 'default' },
      spec: { selector: "app == 'web", ingress: [{ action: 'Allow' }] },
    });
    await stand.untilTrue('it is told', async () =>
      (await stand.told('NetworkPolicy', 'typo')).some(text =>
        /^NotInForce: not in effect: spec\.selector /.test(text),
      ),
    );
  });

  const conditionsOf = async (kind: keyof typeof RESOURCES, name: string, namespace?: string) => {
    const { conditions = [] } = ((await stand.read(kind, name, namespace))?.['status'] ?? {}) as {
      conditions?: readonly Record<'type' | 'status' | 'reason' | 'message', string>[];
    };
    return conditions.map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`);
  };

  it('say on a policy itself that a part of it is refused, such as HTTP, and when no more', async () => {
    const rule = { action: 'Allow', http: { methods: ['GET'] } };
    await stand.make('CalicoNetworkPolicy', {
      metadata: { name: 'http', namespace: 'default' },
      spec: { ingress: [rule] },
    });
    const said = 'Accepted False NotInForce: spec.ingress[0].http is not supported; the rule matches nothing';
    const is = (text: string) => async () =>
      (await conditionsOf('CalicoNetworkPolicy', 'http', 'default')).join() === text;
    await stand.untilTrue('it is refused', is(said));
    await stand.untilTrue('the Event says that only a part is', async () =>
      (await stand.told('NetworkPolicy', 'http')).some(text => /^PartlyInForce: spec\.ingress/.test(text)),
    );
    const ingress = [{ action: 'Allow', protocol: 'TCP' }];
    await stand.patch('CalicoNetworkPolicy', 'http', { spec: { ingress } }, 'default');
    await stand.untilTrue('it is accepted', is('Accepted True Accepted: all of it is understood'));
  });

  it('add up for every policy on how many nodes it is enforced, which was the slowest, and when all are there', async () => {
    const made = await stand.make('GlobalNetworkPolicy', {
      metadata: { name: 'everywhere' },
      spec: { selector: 'all()', types: ['Ingress'] },
    });
    const { uid = '', generation = 1, resourceVersion = '' } = made.metadata;
    const at = (ms: number) => new Date(Date.parse('2026-03-01T11:00:00Z') + ms).toISOString();
    const enforced = (node: string, seen: number, kernel: number) => ({
      metadata: { name: node },
      spec: {},
      status: {
        policies: [
          {
            ...{ policy: 'gnp/everywhere', uid, generation, resourceVersion, pods: 2 },
            ...{ seenAt: at(seen), enforcedAt: at(kernel) },
          },
        ],
        appliedThrough: [{ kind: 'GlobalNetworkPolicy', resourceVersion }],
        conditions: [
          {
            ...{ type: 'Enforced', status: 'True', reason: 'ReadBack', message: '' },
            lastTransitionTime: '2026-03-01T11:00:00Z',
          },
        ],
      },
    });
    const report = async (node: string, seen: number, kernel: number) => {
      const { status, ...object } = enforced(node, seen, kernel);
      await stand.make('PolicyNodeStatus', object);
      await stand.client.patch(
        RESOURCES.PolicyNodeStatus,
        { name: node },
        { type: 'merge', body: { status } },
        { subresource: 'status' },
      );
    };
    await stand.make('Node', { metadata: { name: 'n3' }, status: {} });
    const told = (text: string) => async () =>
      (await conditionsOf('PolicyStatus', 'gnp.everywhere')).includes(text);
    await report('n1', 0, 12);
    await stand.untilTrue(
      'one node has it',
      told('Enforced False Pending: enforced on 1 of 2 nodes: n3 has told nothing: is its agent running?'),
    );
    await report('n3', 3, 84);
    await stand.untilTrue(
      'all have it',
      told(
        'Enforced True Enforced: enforced on 2 of 2 nodes; the slowest was n3, 84 ms after the first heard of it',
      ),
    );
    expect((await stand.read('PolicyStatus', 'gnp.everywhere'))?.['status']).toMatchObject({
      ...{ kind: 'GlobalNetworkPolicy', nodes: '2/2', pods: 4, slowestNode: 'n3', afterMilliseconds: 84 },
    });
    await stand.remove('GlobalNetworkPolicy', 'everywhere');
    await stand.untilTrue(
      'it goes with the policy',
      async () => (await stand.read('PolicyStatus', 'gnp.everywhere')) === undefined,
    );
  });
});
