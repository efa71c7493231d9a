import { type AnyObject, RESOURCES } from '@muslin/kube';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readSandboxes } from '../../packages/lab/src/sandboxes.ts';
import { until } from '../../packages/lab/src/until.ts';
import { watchTraffic } from './continuous-probe.ts';
import { addForeignRules, foreignRules, inNode, savedRules } from './foreign-rules.ts';
import { TestCluster } from './lab-cluster.ts';
import { openWitness } from './packet-witness.ts';

const LISTEN = 9997;
/** How often an agent looks for foreign changes (muslin-agent --refresh-ms), and what a busy machine adds. */
const REFRESH_MS = 10_000 + 5_000;

const policy = (name: string, spec: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;

/** What lets web reach api, said in five ways; datagrams to the witness's port, too. */
const WEB_TO_API = [
  '{ podSelector: { matchLabels: { app: web } } }',
  '{ ipBlock: { cidr: 10.244.0.0/16 } }',
  '{ namespaceSelector: { matchLabels: { team: shop } }, podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [db] }] } }',
  '{ namespaceSelector: {} }',
  '{ ipBlock: { cidr: 0.0.0.0/0, except: [192.0.2.0/24] } }',
].map(
  from => (port: string) =>
    policy(
      'web-to-api',
      `{ podSelector: { matchLabels: { app: api } }, ingress: [{ from: [${from}], ports: [{ port: ${port} }, { protocol: UDP, port: ${LISTEN} }] }] }`,
    ),
);
const PORTS = ['http', '8080', '"8080"', '8000, endPort: 8100', 'http'].map(port => port.replaceAll('"', ''));

/** Each isolates db, and lets nobody in. */
const DENY = [
  '{ podSelector: {} }',
  '{ podSelector: { matchExpressions: [{ key: app, operator: Exists }] } }',
  '{ podSelector: {}, policyTypes: [Ingress], ingress: [] }',
  '{ podSelector: { matchExpressions: [{ key: app, operator: In, values: [web, api, db] }] } }',
  '{ podSelector: { matchLabels: {} } }',
];

/** What may reach db: never api. */
const DB_IN = [
  '{ podSelector: { matchLabels: { app: web } } }',
  '{ podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [api] }] } }',
  '{ ipBlock: { cidr: 10.244.0.0/16, except: [API_IP/32] } }',
  '{ namespaceSelector: { matchLabels: { team: ops } } }',
  '{ podSelector: { matchLabels: { app: web } }, namespaceSelector: {} }',
];

/** 60 edits: adds, changes and removals, among them of the very policies that the two ways hang on. */
function edits(apiIp: string): readonly (string | { readonly remove: string })[] {
  return [0, 1, 2, 3, 4].flatMap(i => {
    const next = (i + 1) % 5;
    const toApi = (n: number) => (WEB_TO_API[n] as (port: string) => string)(PORTS[n] as string);
    const toDb = (n: number) => (DB_IN[n] as string).replace('API_IP', apiIp);
    return [
      toApi(i),
      policy('db-in', `{ podSelector: { matchLabels: { app: db } }, ingress: [{ from: [${toDb(i)}] }] }`),
      policy(
        `extra-${i}`,
        '{ podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: nobody } } }] }] }',
      ),
      policy(
        'web-out',
        '{ podSelector: { matchLabels: { app: web } }, policyTypes: [Egress], egress: [{ to: [{ podSelector: { matchLabels: { app: api } } }] }] }',
      ),
      policy(
        'also-web',
        `{ podSelector: { matchLabels: { app: api } }, ingress: [{ from: [{ podSelector: {} }] }] }`,
      ),
      { remove: 'web-to-api' },
      policy('deny', DENY[next] as string),
      toApi(next),
      { remove: 'also-web' },
      policy(
        'db-in',
        `{ podSelector: { matchLabels: { app: db } }, ingress: [{ from: [${toDb(next)}], ports: [{ port: 5432 }] }, { from: [${toDb(i)}] }] }`,
      ),
      { remove: i % 2 === 0 ? 'web-out' : 'db-in' },
      { remove: `extra-${i}` },
    ];
  });
}

describe.each([
  { dataplane: 'iptables', id: 'tp3', count: 60 },
  { dataplane: 'nftables', id: 'tp5', count: 36 },
])('while policies change in $dataplane', ({ dataplane, id, count }) => {
  let lab: TestCluster;

  beforeAll(async () => {
    // web-1 and db-1 on node1, api-1 on node2.
    lab = await TestCluster.up(id, 2, 3, 'none', ['--dataplane', dataplane]);
    await lab.enforce(policy('deny', DENY[0] as string));
    await lab.enforce((WEB_TO_API[0] as (port: string) => string)('http'));
    for (const node of lab.cluster.topology.nodes) await addForeignRules(node.netns);
  });
  afterAll(() => lab?.down());

  const nodes = () => lab.cluster.topology.nodes.map(node => node.netns);
  const foreign = () => Promise.all(nodes().map(foreignRules));

  it('cuts nothing that stays allowed, leaks nothing that stays denied, and leaves what is not ours alone', async () => {
    const before = await foreign();
    expect(before[0]).toContain('KUBE-SVC-ERIFXISQEP7F7OF4');
    const place = (name: string) => {
      const record = readSandboxes(lab.cluster.folder).find(r => r.name === name);
      return { netns: record?.netns ?? '', ip: record?.ips[0] ?? '' };
    };
    const [web, api, db] = ['web-1', 'api-1', 'db-1'].map(place) as [Place, Place, Place];
    const sockets = await Promise.all([web, api, db].map(p => openWitness(p.netns, LISTEN)));
    const [webSocket, apiSocket, dbSocket] = sockets as [Witness, Witness, Witness];
    const traffic = await watchTraffic(
      lab.way('shop/web-1', 'shop/api-1', 8080),
      lab.way('shop/api-1', 'shop/db-1', 5432),
    );
    // Nobody answers these, so to connection tracking each is the first of its flow: policy is asked about every one.
    let sent = 0;
    const timer = setInterval(() => {
      webSocket.send(api.ip, LISTEN, `web ${sent++}`);
      apiSocket.send(db.ip, LISTEN, 'from api');
    }, 3);

    let done = 0;
    for (const edit of edits(api.ip).slice(0, count)) {
      const name = await perform(edit);
      // Some in a row as fast as they can, some once every node has followed.
      if (++done % 3 !== 0) continue;
      await lab.untilEnforced(new Map([name]));
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    clearInterval(timer);
    const expected = Array.from({ length: sent }, (_, i) => `web ${i}`);
    await until(
      async () => apiSocket.heard.length,
      count => count >= sent,
      1_000,
    );
    const seen = await traffic.stop();
    for (const socket of sockets) socket.close();

    expect(done).toBe(count);
    expect(seen.cut).toEqual([]);
    expect(seen.leaked).toEqual([]);
    expect(seen.broken).toBe(false);
    expect(seen.echoes).toBeGreaterThan(10);
    expect(dbSocket.heard).toEqual([]);
    const heard = new Set(apiSocket.heard);
    expect(expected.filter(text => !heard.has(text))).toEqual([]);
    expect(sent).toBeGreaterThan(2 * count);
    expect(await foreign()).toEqual(before);
  });

  const ours = async (netns: string) =>
    dataplane === 'iptables' ? savedRules(netns) : plain(await inNode(netns, 'nft -s list table ip muslin'));

  it('repairs what somebody did to our rules by hand', async () => {
    const [first = '', second = ''] = nodes();
    const before = await Promise.all([first, second].map(ours));
    // Our jump stands first.
    const jump = /^-A FORWARD .*$/m.exec(await savedRules(first))?.[0] ?? '';
    expect(jump.includes('-j msl-FORWARD')).toBe(dataplane === 'iptables');
    if (dataplane === 'iptables') {
      await inNode(first, 'iptables -D FORWARD 1');
      await inNode(second, 'iptables -F msl-pod');
      await inNode(second, 'iptables -t raw -F msl-PREROUTING');
    } else {
      await inNode(first, 'nft flush chain ip muslin msl-FORWARD');
      await inNode(second, 'nft flush map ip muslin msl-to-pods');
      await inNode(second, 'nft add rule ip muslin msl-OUTPUT drop');
    }
    const repaired = await until(
      () => Promise.all([first, second].map(ours)),
      now => now.every((text, i) => text === before[i]),
      REFRESH_MS,
      250,
    );
    expect(repaired.held ? repaired.value : repaired.last).toEqual(before);
  });

  /** Applies or removes; gives what to wait for. */
  async function perform(
    edit: string | { readonly remove: string },
  ): Promise<readonly [string, string | undefined]> {
    const { client } = lab.cluster;
    if (typeof edit === 'string') {
      const { metadata } = await lab.cluster.apply(parse(edit) as AnyObject);
      return [`knp/shop/${metadata.name}`, metadata.resourceVersion];
    }
    const gone = await client.delete(RESOURCES.NetworkPolicy, { namespace: 'shop', name: edit.remove });
    if (!gone.ok) throw new Error(gone.fault.message);
    return [`knp/shop/${edit.remove}`, undefined];
  }
});

/** Elements come in the order of the kernel's hash. */
const plain = (listing: string) =>
  listing.replaceAll(/elements = \{([^}]*)\}/g, (_, list: string) =>
    list
      .split(',')
      .map(element => element.trim())
      .sort()
      .join(),
  );

interface Place {
  readonly netns: string;
  readonly ip: string;
}
type Witness = Awaited<ReturnType<typeof openWitness>>;
