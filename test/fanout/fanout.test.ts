import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import type { AnyObject, ClusterWatches, Sighting } from '@muslin/kube';
import { encodeHello, FANOUT_PROTOCOL } from '@muslin/kube';
import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentCore } from '../../packages/agent/src/core/agent-core.ts';
import { ClusterSource } from '../../packages/agent/src/fanout/cluster-source.ts';
import { fileIdentity } from '../../packages/agent/src/fanout/identity.ts';
import { StreamClient } from '../../packages/agent/src/fanout/stream-client.ts';
import { FanoutServer } from '../../packages/controller/src/fanout/fanout-server.ts';
import { Authority, type CertificateFiles } from './authority.ts';

const folder = mkdtempSync(`${tmpdir()}/msl-fanout-`);
const files: Record<string, CertificateFiles> = {};
let authority: Authority;
let stranger: Authority;
let server: FanoutServer;
let port = 0;
let stale: number | undefined = 0;
const log: string[] = [];

beforeAll(async () => {
  authority = await Authority.make(folder, 'cluster-ca');
  stranger = await Authority.make(folder, 'other-ca');
  files['server'] = await authority.issue('muslin-controller', ['muslin-controller']);
  files['n1'] = await authority.issue('system:node:n1');
  files['n2'] = await authority.issue('system:node:n2');
  files['old'] = await authority.issue('system:node:n1', [], -1);
  files['person'] = await authority.issue('jane');
  files['foreign'] = await stranger.issue('system:node:n1');
});
beforeEach(async () => {
  stale = 0;
  await server?.stop();
  await serve();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(at = 0): Promise<void> {
  const material = authority.material(files['server'] as CertificateFiles);
  server = new FanoutServer({
    ...{ host: '127.0.0.1', port: at, material: () => material, beatMs: 100 },
    staleMs: () => stale,
    log: line => log.push(line),
  });
  for (const sighting of WORLD) server.saw(sighting);
  port = await server.listen();
}

const sighting = (kind: string, object: AnyObject, policyKey?: string): Sighting => ({
  ...{ kind, object, gone: false, policyKey },
});
const pod = (name: string, node: string, ip?: string): Sighting =>
  sighting('Pod', {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, labels: { app: name } },
    spec: { nodeName: node, containers: [] },
    status: ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] },
  });
const WORLD: readonly Sighting[] = [
  sighting('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }),
  sighting(
    'NetworkPolicy',
    {
      ...{
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { namespace: 'shop', name: 'guard' },
      },
      spec: {
        podSelector: { matchLabels: { app: 'db' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }],
      },
    },
    'knp/shop/guard',
  ),
  pod('db', 'n1', '10.0.0.1'),
  pod('web', 'n2', '10.0.0.2'),
  pod('far', 'n3', '10.0.0.3'),
];

/** What the controller answers to a client with these files that asks for the data of a node; `none` is no certificate. */
function ask(who: string, node: string, hello: object = {}): Promise<string> {
  const mine = files[who];
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername: 'muslin-controller', ca: readFileSync(authority.file) },
      ...(mine && { cert: readFileSync(mine.cert), key: readFileSync(mine.key) }),
    });
    socket.once('secureConnect', () =>
      socket.write(encodeHello({ protocol: FANOUT_PROTOCOL, node, epoch: undefined, seq: 0, ...hello })),
    );
    socket.once('data', chunk => {
      resolve(`${chunk}`.split('\n')[0] as string);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe('a controller', () => {
  it('serves a node that shows its own certificate', async () => {
    expect(JSON.parse(await ask('n1', 'n1'))).toMatchObject({ welcome: { epoch: server.epoch } });
  });
  it.each([
    ['none', 'n1', 'an agent must show a client certificate, and showed none'],
    [
      'foreign',
      'n1',
      'the certificate of system:node:n1 is not signed by an authority that this controller knows',
    ],
    ['old', 'n1', 'the certificate of system:node:n1 has expired: renew it'],
    [
      'person',
      'n1',
      'the client certificate is for "jane", which is no node: its CN must be system:node:NODE',
    ],
    ['n2', 'n1', 'the certificate is of node n2, which gets nothing of node n1'],
  ])('refuses %s that asks for %s, and says why', async (who, node, why) => {
    const answer = JSON.parse(await ask(who, node));
    expect(answer.refused).toContain(why);
    expect(Object.keys(answer)).toEqual(['refused']);
    expect(log.at(-1)).toContain(why);
  });
  it('refuses another version of the protocol, and anybody while it has not seen the cluster', async () => {
    expect(await ask('n1', 'n1', { protocol: 99 })).toContain('version 99');
    stale = undefined;
    expect(await ask('n1', 'n1')).toContain('has not seen the whole cluster yet');
  });
});

/** An agent without a kernel, on a stream, with watches that a test completes by hand. */
function agent(fallBackMs: number, target: Partial<{ ca: string; serverName: string }> = {}) {
  const core = new AgentCore({ node: 'n1', families: [4], endpointToHostAction: 'Accept' });
  const faults: string[] = [];
  const states: string[] = [];
  let showing: ((sighting: Sighting) => void) | undefined;
  let complete: () => void = () => {};
  const source = new ClusterSource({
    fallBackMs,
    stream: onMessage =>
      new StreamClient({
        ...{ node: 'n1', onMessage, onFault: message => faults.push(message) },
        target: { host: '127.0.0.1', port, serverName: target.serverName ?? 'muslin-controller' },
        identity: fileIdentity({ ...(files['n1'] as CertificateFiles), ca: target.ca ?? authority.file }),
      }),
    watch: onSighting => {
      showing = onSighting;
      const synced = Promise.withResolvers<void>();
      complete = synced.resolve;
      const group = {
        start() {},
        stop: async () => {},
        whenSynced: () => synced.promise,
        staleSince: undefined,
      };
      return { group, missing: () => [] } as unknown as ClusterWatches;
    },
    onSighting: ({ object, gone }) => core.tell(gone ? { type: 'gone', object } : { type: 'object', object }),
    onMembers: (id, change) => core.tell({ type: 'members', id, change }),
    onNews: () => {
      states.push(rules(core));
    },
  });
  source.start();
  return {
    ...{ core, source, faults, states },
    get watching() {
      return showing !== undefined;
    },
    show: (sightings: readonly Sighting[]) => {
      for (const each of sightings) showing?.(each);
    },
    complete: () => complete(),
  };
}

/** The member sets and the plans of a node as text. */
function rules(core: AgentCore): string {
  const { endpoints, policies, sets } = core.desired().state;
  return JSON.stringify([
    [...endpoints.values()],
    [...policies.keys()],
    [...sets].map(([id, { members }]) => [id, [...members].sort()]),
  ]);
}

async function until(what: () => boolean, sentence: string): Promise<void> {
  const end = Date.now() + 10_000;
  while (!what()) {
    if (Date.now() > end) throw new Error(`not within 10 s: ${sentence}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

describe('an agent on a stream', () => {
  it('is told what concerns its node, and nothing else', async () => {
    const { core, source } = agent(60_000);
    try {
      await source.whenSynced();
      expect([...core.snapshot.endpoints.keys()]).toEqual(['pod/shop/db']);
      expect(rules(core)).toContain('10.0.0.2');
      expect(rules(core)).not.toContain('10.0.0.3');
      server.saw(pod('web', 'n2', '10.0.0.22'));
      await until(() => rules(core).includes('10.0.0.22/32'), 'the new address is a member');
      expect(rules(core)).not.toContain('10.0.0.2/32');
    } finally {
      await source.stop();
    }
  });

  it('plans a pod that the plugin has given addresses before the controller knows any', async () => {
    const { core, source } = agent(60_000);
    try {
      await source.whenSynced();
      server.saw({ ...pod('db', 'n1'), object: { ...pod('db', 'n1').object, status: {} } });
      await until(() => !rules(core).includes('pod/shop/db'), 'the pod has no address');
      core.tell({
        type: 'local',
        endpoint: {
          key: 'pod/shop/db',
          containerId: 'c',
          uid: 'uid-db',
          hostInterface: 'msl1',
          ips: [{ family: 4, bits: 0x0a000001 }],
          routedBy: 'us',
          ports: [],
        },
      });
      const plan = core.desired().state.endpoints.get('pod/shop/db');
      expect(plan?.tiers.ingress.map(tier => tier.policies)).toEqual([['knp/shop/guard']]);
      expect(source.knowsAll).toBe(false);
    } finally {
      await source.stop();
    }
  });

  it('keeps its rules while the controller is away, turns to watches in one step, and comes back in one', async () => {
    const { core, source, states, show, complete, ...rest } = agent(300);
    const kept = port;
    const mine = { show, complete, ...rest };
    try {
      await source.whenSynced();
      const whole = rules(core);
      states.length = 0;
      await server.stop();
      await until(
        () => source.missing().length === 0 && source.staleSince !== undefined,
        'the stream is stale',
      );
      // Half a view from the watches must not be seen by anybody.
      await new Promise(resolve => setTimeout(resolve, 1_200));
      mine.show(WORLD.slice(0, 3));
      expect([source.source, rules(core)]).toEqual(['stream', whole]);
      mine.show(WORLD.slice(3));
      mine.complete();
      await until(() => source.source === 'watches', 'the watches speak');
      expect([rules(core), source.knowsAll, core.snapshot.endpoints.size]).toEqual([whole, true, 3]);
      await serve(kept);
      await until(() => source.source === 'stream', 'the stream speaks again');
      expect([rules(core), source.knowsAll, core.snapshot.endpoints.size]).toEqual([whole, false, 1]);
      expect(new Set(states)).toEqual(new Set([whole]));
    } finally {
      await source.stop();
    }
  });

  it('leaves a controller that is itself cut off from the API server, and comes back when that is over', async () => {
    const mine = agent(200);
    try {
      await mine.source.whenSynced();
      stale = 5_000;
      await until(() => mine.watching, 'watches begin');
      mine.show(WORLD);
      mine.complete();
      await until(() => mine.source.source === 'watches', 'the watches speak');
      stale = 0;
      await until(() => mine.source.source === 'stream', 'the stream speaks again');
      expect(mine.core.snapshot.endpoints.size).toBe(1);
    } finally {
      await mine.source.stop();
    }
  });

  it('keeps nobody who does not go: neither strangers who stay silent nor those who were told why', async () => {
    const silent = dial({ port, host: '127.0.0.1' });
    await once(silent, 'connect');
    const refused = connect({
      ...{ ca: readFileSync(authority.file), servername: 'muslin-controller' },
      socket: dial({ port, host: '127.0.0.1', allowHalfOpen: true }),
    });
    await once(refused, 'secureConnect');
    await until(() => server.status.connected === 2, 'both are connected');
    const [told] = [once(refused, 'data'), refused.write('nonsense\n')];
    expect(String((await told)[0])).toContain('certificate');
    await until(() => server.status.connected === 1, 'who was refused is let go');
    // Would wait for the silent one for ever.
    await server.stop();
    silent.destroy();
    refused.destroy();
  });

  it('does not listen to a controller of another authority or name', async () => {
    for (const target of [{ ca: stranger.file }, { serverName: 'somebody-else' }]) {
      const { source, faults } = agent(60_000, target);
      await until(() => faults.length > 0, 'a fault is told');
      expect([source.source, faults[0]]).toEqual(['none', expect.stringMatching(/certificate|altnames/i)]);
      await source.stop();
    }
  });
});
