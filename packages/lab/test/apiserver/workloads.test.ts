import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/apiserver/index.ts';
import { type Any, type Answer, eventually, type Rig, startRig } from './rig.ts';

let rig: Rig;
const attempts: Attempt[] = [];
beforeAll(async () => {
  rig = await startRig({
    serviceCidr: '10.9.0.0/28',
    authorize: attempt => {
      attempts.push(attempt);
      return attempt.resource !== 'leases';
    },
  });
});
afterAll(() => rig.close());

const MERGE = { 'content-type': 'application/merge-patch+json' };
const PODS = '/api/v1/namespaces/default/pods';
const SERVICES = '/api/v1/namespaces/default/services';
const MAPS = '/api/v1/namespaces/default/configmaps';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const pod = (name: string, spec: object = {}, labels: object = {}) => ({
  metadata: { name, labels },
  spec: {
    containers: [{ name: 'c', image: 'x:1', ports: [{ name: 'http', containerPort: 8080 }] }],
    ...spec,
  },
});
const goes = (path: string) =>
  eventually(
    () => rig.call('GET', path),
    answer => answer.code === 404,
  );

describe('a pod', () => {
  it('is filled in as people expect', async () => {
    const { body } = await rig.call('POST', PODS, pod('plain'));
    expect(body.spec).toMatchObject({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      terminationGracePeriodSeconds: 30,
      containers: [
        {
          imagePullPolicy: 'IfNotPresent',
          ports: [{ protocol: 'TCP' }],
          terminationMessagePath: '/dev/termination-log',
        },
      ],
    });
    expect(body.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
  });
  it('needs containers with names and images, and its volumes', async () => {
    const { body } = await rig.call('POST', PODS, {
      metadata: { name: 'bad' },
      spec: {
        containers: [{ name: 'A', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        restartPolicy: 'Sometimes',
      },
    });
    expect(body.details.causes.map((cause: Any) => `${cause.field} ${cause.reason}`)).toEqual([
      'spec.containers[0].name FieldValueInvalid',
      'spec.containers[0].image FieldValueRequired',
      'spec.containers[0].volumeMounts[0].name FieldValueNotFound',
      'spec.restartPolicy FieldValueNotSupported',
    ]);
  });
  it('is bound to a node once', async () => {
    await rig.call('POST', PODS, pod('bindable'));
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bindable' },
      target: { kind: 'Node', name: 'n1' },
    };
    expect((await rig.call('POST', `${PODS}/bindable/binding`, binding)).code).toBe(201);
    expect((await rig.call('GET', `${PODS}?fieldSelector=spec.nodeName%3Dn1`)).body.items).toHaveLength(1);
    expect((await rig.call('POST', `${PODS}/bindable/binding`, binding)).code).toBe(409);
  });
  it('without a node goes at once; on a node it lingers until the kubelet says so', async () => {
    await rig.call('POST', PODS, pod('free'));
    await rig.call('DELETE', `${PODS}/free`);
    expect((await rig.call('GET', `${PODS}/free`)).code).toBe(404);
    await rig.call('POST', PODS, pod('bound', { nodeName: 'n1' }));
    const first = await rig.call('DELETE', `${PODS}/bound`);
    expect(first.body.metadata).toMatchObject({
      deletionGracePeriodSeconds: 30,
      deletionTimestamp: expect.any(String),
    });
    const again = await rig.call('DELETE', `${PODS}/bound`);
    expect(again.body.metadata.deletionTimestamp).toBe(first.body.metadata.deletionTimestamp);
    expect((await rig.call('GET', `${PODS}/bound`)).code).toBe(200);
    await rig.call('DELETE', `${PODS}/bound`, { gracePeriodSeconds: 0 });
    expect((await rig.call('GET', `${PODS}/bound`)).code).toBe(404);
  });
  it('keeps its spec but for images', async () => {
    await rig.call('POST', PODS, pod('fixed'));
    const image = {
      spec: {
        containers: [
          { name: 'c', image: 'x:2', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] },
        ],
      },
    };
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    const { body } = await rig.call('PATCH', `${PODS}/fixed`, image, strategic);
    expect([body.spec.containers[0].image, body.metadata.generation]).toEqual(['x:2', 2]);
    const { code, body: refusal } = await rig.call(
      'PATCH',
      `${PODS}/fixed`,
      { spec: { hostNetwork: true } },
      MERGE,
    );
    expect([code, refusal.details.causes[0].reason]).toEqual([422, 'FieldValueForbidden']);
  });
  it('merges status conditions by type', async () => {
    await rig.call('POST', PODS, pod('conditions'));
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    const say = (type: string, status: string) =>
      rig.call(
        'PATCH',
        `${PODS}/conditions/status`,
        { status: { conditions: [{ type, status }] } },
        strategic,
      );
    await say('Ready', 'False');
    await say('Initialized', 'True');
    const { body } = await say('Ready', 'True');
    expect(body.status.conditions).toEqual([
      { type: 'Ready', status: 'True' },
      { type: 'Initialized', status: 'True' },
    ]);
  });
  it('has no logs and no shell here', async () => {
    for (const door of ['log', 'exec']) {
      const { code, body } = await rig.call('GET', `${PODS}/plain/${door}`);
      expect([code, body.kind, body.reason]).toEqual([501, 'Status', 'NotImplemented']);
    }
  });
});

describe('owner references', () => {
  const owned = (name: string, owner: Answer, extra: object = {}) => ({
    metadata: {
      name,
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name: owner.body.metadata.name,
          uid: owner.body.metadata.uid,
          ...extra,
        },
      ],
    },
  });
  const make = (body: object) => rig.call('POST', MAPS, body);
  it('take dependents along, also those of dependents', async () => {
    const owner = await make({ metadata: { name: 'o1' } });
    const child = await make(owned('c1', owner));
    await make(owned('g1', child));
    await rig.call('DELETE', `${MAPS}/o1`, { propagationPolicy: 'Background' });
    for (const name of ['o1', 'c1', 'g1']) await goes(`${MAPS}/${name}`);
  });
  it('let the owner wait for blocking dependents in the foreground', async () => {
    const owner = await make({ metadata: { name: 'o2' } });
    await make({ ...owned('c2', owner, { blockOwnerDeletion: true }), ...{} });
    await rig.call('PATCH', `${MAPS}/c2`, { metadata: { finalizers: ['example.com/hold'] } }, MERGE);
    const { body } = await rig.call('DELETE', `${MAPS}/o2`, { propagationPolicy: 'Foreground' });
    expect(body.metadata.finalizers).toEqual(['foregroundDeletion']);
    await eventually(
      () => rig.call('GET', `${MAPS}/c2`),
      answer => answer.body.metadata.deletionTimestamp !== undefined,
    );
    expect((await rig.call('GET', `${MAPS}/o2`)).code).toBe(200);
    await rig.call('PATCH', `${MAPS}/c2`, { metadata: { finalizers: null } }, MERGE);
    await goes(`${MAPS}/o2`);
  });
  it('are stripped from orphans', async () => {
    const owner = await make({ metadata: { name: 'o3' } });
    await make(owned('c3', owner));
    await rig.call('DELETE', `${MAPS}/o3`, { propagationPolicy: 'Orphan' });
    await goes(`${MAPS}/o3`);
    expect((await rig.call('GET', `${MAPS}/c3`)).body.metadata.ownerReferences).toBeUndefined();
  });
  it('to nobody mean the end', async () => {
    const nobody = { body: { metadata: { name: 'x', uid: '0-0' } } } as Answer;
    await make(owned('c4', nobody));
    await goes(`${MAPS}/c4`);
  });
  it('name one controller', async () => {
    const reference = { apiVersion: 'v1', kind: 'K', name: 'n', uid: 'u', controller: true };
    const { code, body } = await make({
      metadata: { name: 'c5', ownerReferences: [reference, { ...reference, uid: 'v' }] },
    });
    expect([code, body.message]).toEqual([
      422,
      expect.stringContaining('Only one reference can have Controller set to true'),
    ]);
  });
});

describe('a service', () => {
  const make = (name: string, spec: object) => rig.call('POST', SERVICES, { metadata: { name }, spec });
  it('gets an address of its own, until there are no more', async () => {
    const addresses = new Set<string>();
    for (let i = 0; i < 13; i++) {
      const { body } = await make(`many${i}`, { ports: [{ port: 80 }] });
      addresses.add(body.spec.clusterIP);
      expect(body.spec).toMatchObject({
        clusterIPs: [body.spec.clusterIP],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      });
    }
    expect(addresses.size).toBe(13);
    for (const address of addresses) expect(address).toMatch(/^10\.9\.0\.([2-9]|1[0-4])$/);
    const taken = await make('taken', { ports: [{ port: 80 }], clusterIP: [...addresses][0] });
    expect([taken.code, taken.body.message]).toEqual([
      422,
      expect.stringContaining('provided IP is already allocated'),
    ]);
    await rig.call('DELETE', SERVICES);
  });
  it('keeps its address, and refuses another', async () => {
    const { body } = await make('kept', { ports: [{ port: 80 }] });
    const again = await rig.call('PUT', `${SERVICES}/kept`, {
      metadata: { name: 'kept' },
      spec: { ports: [{ port: 81 }] },
    });
    expect(again.body.spec.clusterIP).toBe(body.spec.clusterIP);
    const other = await rig.call('PATCH', `${SERVICES}/kept`, { spec: { clusterIP: '10.9.0.99' } }, MERGE);
    expect(other.code).toBe(422);
  });
  it('may be without an address, by name only, or on every node', async () => {
    expect((await make('headless', { clusterIP: 'None', selector: { a: 'b' } })).body.spec.clusterIP).toBe(
      'None',
    );
    expect(
      (await make('elsewhere', { type: 'ExternalName', externalName: 'example.com' })).body.spec.clusterIP,
    ).toBeUndefined();
    const { body } = await make('outside', { type: 'LoadBalancer', ports: [{ port: 80 }] });
    expect(body.spec.ports[0].nodePort).toBeGreaterThanOrEqual(30000);
    expect([body.spec.externalTrafficPolicy, body.spec.allocateLoadBalancerNodePorts]).toEqual([
      'Cluster',
      true,
    ]);
    const status = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    await rig.call('PATCH', `${SERVICES}/outside/status`, status, MERGE);
    const table = await rig.call('GET', `${SERVICES}/outside`, undefined, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(table.body.rows[0].cells.slice(1, 5)).toEqual([
      'LoadBalancer',
      body.spec.clusterIP,
      '192.0.2.1',
      `80:${body.spec.ports[0].nodePort}/TCP`,
    ]);
  });
  it('is told what is wrong', async () => {
    const { body } = await make('wrong', {
      ports: [{ port: 0 }, { port: 80, protocol: 'ICMP' }],
      type: 'Any',
    });
    expect(body.details.causes.map((cause: Any) => cause.field)).toEqual([
      'spec.type',
      'spec.ports[0].name',
      'spec.ports[0].port',
      'spec.ports[1].name',
      'spec.ports[1].protocol',
    ]);
    expect((await make('none', {})).body.details.causes[0].field).toBe('spec.ports');
  });
});

describe('endpoint slices', () => {
  it('follow pods: address, named port, readiness, node and end', async () => {
    await rig.call('POST', '/api/v1/nodes', {
      metadata: { name: 'n9', labels: { 'topology.kubernetes.io/zone': 'east' } },
    });
    const spec = {
      selector: { app: 'e' },
      ports: [
        { name: 'web', port: 80, targetPort: 'http' },
        { name: 'raw', port: 90 },
      ],
    };
    const service = await rig.call('POST', SERVICES, {
      metadata: { name: 'e', labels: { team: 'x' } },
      spec,
    });
    const slice = () => rig.call('GET', `${SLICES}/e-ipv4`);
    const { body: empty } = await eventually(slice, answer => answer.code === 200);
    expect(empty).toMatchObject({
      addressType: 'IPv4',
      endpoints: [],
      metadata: {
        labels: {
          team: 'x',
          'kubernetes.io/service-name': 'e',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ kind: 'Service', name: 'e', uid: service.body.metadata.uid, controller: true }],
      },
    });
    const made = await rig.call('POST', PODS, pod('e1', { nodeName: 'n9' }, { app: 'e' }));
    await rig.call('POST', PODS, pod('other', {}, { app: 'f' }));
    const status = (ready: string) => ({
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
        conditions: [{ type: 'Ready', status: ready }],
      },
    });
    await rig.call('PATCH', `${PODS}/e1/status`, status('False'), MERGE);
    const { body: waiting } = await eventually(slice, answer => answer.body.endpoints.length === 1);
    expect(waiting.endpoints).toEqual([
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: false, serving: false, terminating: false },
        nodeName: 'n9',
        zone: 'east',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'e1', uid: made.body.metadata.uid },
      },
    ]);
    expect(waiting.ports).toEqual([
      { name: 'web', protocol: 'TCP', port: 8080 },
      { name: 'raw', protocol: 'TCP', port: 90 },
    ]);
    await rig.call('PATCH', `${PODS}/e1/status`, status('True'), MERGE);
    const conditions = (answer: Answer) => JSON.stringify(answer.body.endpoints[0]?.conditions);
    await eventually(
      slice,
      answer => conditions(answer) === '{"ready":true,"serving":true,"terminating":false}',
    );
    await rig.call('DELETE', `${PODS}/e1`);
    await eventually(
      slice,
      answer => conditions(answer) === '{"ready":false,"serving":true,"terminating":true}',
    );
    await rig.call('DELETE', `${PODS}/e1`, { gracePeriodSeconds: 0 });
    await eventually(slice, answer => answer.body.endpoints.length === 0);
    await rig.call('DELETE', `${SERVICES}/e`);
    await goes(`${SLICES}/e-ipv4`);
  });
});

describe('events', () => {
  it('are the same in both APIs, each with its own names', async () => {
    const regarding = { kind: 'Pod', name: 'p', namespace: 'default' };
    await rig.call('POST', '/apis/events.k8s.io/v1/namespaces/default/events', {
      metadata: { name: 'ev' },
      regarding,
      note: 'hello',
      reason: 'Test',
      type: 'Normal',
      reportingController: 'muslin.dev/x',
    });
    const { body } = await rig.call(
      'GET',
      '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp',
    );
    expect(body.items[0]).toMatchObject({
      involvedObject: regarding,
      message: 'hello',
      reportingComponent: 'muslin.dev/x',
    });
    const other = await rig.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/ev');
    expect(other.body).toMatchObject({ apiVersion: 'events.k8s.io/v1', regarding, note: 'hello' });
  });
});

describe('authorisation', () => {
  it('is asked before each request, with verb and resource', async () => {
    attempts.length = 0;
    await rig.call('GET', `${PODS}?watch=true&resourceVersion=999999&timeoutSeconds=1`);
    await rig.call('PATCH', `${PODS}/plain/status`, {}, MERGE);
    const refused = await rig.call('GET', '/apis/coordination.k8s.io/v1/namespaces/default/leases/x');
    expect(
      attempts.map(({ verb, group, resource, name, user }) => [verb, group, resource, name, user.user]),
    ).toEqual([
      ['watch', '', 'pods', '', 'tester'],
      ['patch', '', 'pods/status', 'plain', 'tester'],
      ['get', 'coordination.k8s.io', 'leases', 'x', 'tester'],
    ]);
    expect([refused.code, refused.body.message]).toEqual([
      403,
      'leases.coordination.k8s.io "x" is forbidden: User "tester" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "default"',
    ]);
  });
});

describe('a node that is deleted', () => {
  it('takes its pods along, and no others', async () => {
    for (const name of ['gone', 'stays'])
      expect((await rig.call('POST', '/api/v1/nodes', { metadata: { name } })).code).toBe(201);
    for (const nodeName of ['gone', 'stays'])
      expect((await rig.call('POST', PODS, pod(`on-${nodeName}`, { nodeName }))).code).toBe(201);
    expect((await rig.call('DELETE', '/api/v1/nodes/gone')).code).toBe(200);
    await goes(`${PODS}/on-gone`);
    expect((await rig.call('GET', `${PODS}/on-stays`)).code).toBe(200);
  });
});

describe('discovery', () => {
  const group = (body: Any, name: string) => body.items.find((item: Any) => item.metadata.name === name);
  it('comes in one answer or in many', async () => {
    const accept =
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
    const { body, headers } = await rig.call('GET', '/apis', undefined, { accept });
    expect(headers['content-type']).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    expect([headers['etag'], headers['vary']]).toEqual([expect.any(String), 'Accept']);
    expect(group(body, 'networking.k8s.io').versions[0].resources[0]).toMatchObject({
      resource: 'networkpolicies',
      responseKind: { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy' },
      scope: 'Namespaced',
      shortNames: ['netpol'],
    });
    const core = await rig.call('GET', '/api', undefined, { accept });
    const pods = core.body.items[0].versions[0].resources.find((item: Any) => item.resource === 'pods');
    expect(pods.subresources.map((item: Any) => item.subresource)).toEqual([
      'binding',
      'exec',
      'log',
      'status',
    ]);
    expect((await rig.call('GET', '/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    expect((await rig.call('GET', '/apis')).body.groups.map((item: Any) => item.name)).toContain(
      'discovery.k8s.io',
    );
    expect((await rig.call('GET', '/apis/networking.k8s.io')).body.preferredVersion.groupVersion).toBe(
      'networking.k8s.io/v1',
    );
  });
});
