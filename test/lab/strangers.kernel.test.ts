import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../packages/cli/src/context.ts';
import { PLAIN } from '../../packages/cli/src/output/paint.ts';
import { run as muslinctl } from '../../packages/cli/src/program.ts';
import { VERBS } from '../../packages/cli/src/verbs/table.ts';
import type { Listing } from '../../packages/lab/src/ls.ts';
import { type EchoServers, startEchoServers } from '../../packages/lab/src/pods/echo-servers.ts';
import { addressesOf } from '../../packages/lab/src/topology.ts';
import { until } from '../../packages/lab/src/until.ts';
import { Kubectl } from './kubectl.ts';
import { TestCluster } from './lab-cluster.ts';
import { type Places, type Row, readRows, wrongRows } from './truth-table.ts';

const ID = 'tp1';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** As long as a name may be. */
const LONG = `${'long-'.repeat(50)}pod`;
const YAML = `${readFileSync(new URL('strangers.yaml', import.meta.url), 'utf8')}
---
apiVersion: v1
kind: Pod
metadata: { name: ${LONG}, namespace: sandbox }
spec: { containers: [{ name: c, image: x, ports: [{ containerPort: 8088 }] }] }
`;

/** Read off strangers.yaml by a person. */
const TRUTH = readRows(`
  # denied by default in both directions, but for DNS
  storefront/web -> kube-system/coredns:53/udp allow
  storefront/web -> kube-system/coredns:53/tcp allow
  storefront/web -> kube-system/coredns:9153/tcp deny
  storefront/cache -> kube-system/coredns:53/udp allow
  sandbox/curious -> kube-system/coredns:9153/tcp allow
  sandbox/curious -> sandbox/${LONG}:8088/tcp allow

  # inside the storefront
  storefront/web -> storefront/cart:8080/tcp allow
  storefront/web -> storefront/cart:9404/tcp deny
  storefront/web -> storefront/cache:6379/tcp deny
  storefront/cart -> storefront/cache:6379/tcp allow
  storefront/cart -> storefront/web:80/tcp deny
  storefront/cache -> storefront/cart:8080/tcp deny

  # to the payments: "http" is 80, 8080 or 8443, depending on whose
  storefront/web -> payments/api:8443/tcp allow
  storefront/web -> payments/api:5140/udp deny
  storefront/cart -> payments/api:8443/tcp deny
  monitoring/prometheus -> payments/api:8443/tcp deny
  monitoring/prometheus -> payments/api:5140/udp allow
  sandbox/curious -> payments/api:5140/udp allow
  payments/ledger -> payments/api:5140/udp allow
  payments/api -> storefront/web:80/tcp deny
  payments/api -> storefront/cart:8080/tcp deny

  # a range of ports, and a pod that will complete
  payments/api -> payments/ledger:5432/tcp allow
  payments/api -> payments/ledger:7000/tcp allow
  payments/api -> payments/ledger:7005/tcp allow
  payments/api -> payments/ledger:7006/tcp deny
  payments/batch -> payments/ledger:5432/tcp allow
  sandbox/curious -> payments/ledger:5432/tcp deny

  # the outside world
  outside -> storefront/web:80/tcp allow
  outside -> storefront/web:9113/tcp deny
  outside -> storefront/cart:8080/tcp deny
  outside -> payments/ledger:5432/tcp deny
  outside -> payments/api:8443/tcp deny
  outside -> sandbox/curious:8080/tcp allow
  sandbox/curious -> storefront/web:80/tcp deny
  storefront/cart -> outside:8443/tcp allow
  storefront/cart -> outside:8444/tcp deny
  storefront/web -> outside:8443/tcp deny
  payments/api -> outside:8444/tcp allow

  # monitoring: the namespace and the pod must fit
  monitoring/prometheus -> storefront/web:9113/tcp allow
  monitoring/prometheus -> storefront/cart:9404/tcp allow
  monitoring/prometheus -> storefront/web:80/tcp deny
  sandbox/curious -> storefront/web:9113/tcp deny

  # a pod in its node's network is its node: selectors don't find it, addresses do
  sandbox/curious -> monitoring/node-exporter:9100/tcp allow
  storefront/web -> monitoring/node-exporter:9100/tcp deny
  monitoring/node-exporter -> storefront/web:9113/tcp deny
  monitoring/node-exporter -> storefront/web:80/tcp allow

  # a node reaches its own pods, as probes must; another node does not
  node1 -> storefront/cache:6379/tcp allow
  node2 -> storefront/cache:6379/tcp deny
  node2 -> storefront/cart:9404/tcp allow
  node1 -> storefront/cart:9404/tcp deny
  node1 -> payments/ledger:7006/tcp allow
  node2 -> payments/ledger:7006/tcp deny
`);

describe('strangers, with kubectl and their own manifests', () => {
  let lab: TestCluster;
  let kubectl: Kubectl;
  let outside: EchoServers;

  beforeAll(async () => {
    lab = await TestCluster.up(ID, 2, 0, 'bird', [], 'none', false, 'dual');
    kubectl = new Kubectl(lab.cluster.kubeconfig);
    const doors = [8443, 8444].map(port => ({ protocol: 'TCP', port }) as const);
    const host = lab.cluster.topology.outside;
    outside = startEchoServers(host.netns, 'outside', doors, addressesOf(host));
    await kubectl.apply(YAML);
    await kubectl.run('wait --for=condition=Ready pod --all --all-namespaces --timeout=50s');
  });
  afterAll(async () => {
    outside?.close();
    await lab?.down();
  });

  /** Everything by the name that rows use, from the lab's own listing, at its address of that family. */
  async function places(family: 4 | 6 = 4): Promise<Places> {
    const listed = await execa('npm', ['run', '-s', 'lab', '--', 'ls', '--json', '--id', ID], { cwd: ROOT });
    const list = JSON.parse(listed.stdout) as Listing;
    const at = (one: { readonly netns: string; readonly ips: readonly string[] }) => {
      const ip = one.ips.find(address => address.includes(':') === (family === 6));
      return { netns: one.netns, ip: ip ?? '' };
    };
    return new Map([
      ...list.pods.map(pod => [`${pod.namespace}/${pod.name}`, at(pod)] as const),
      ...list.nodes.map(node => [node.name, at(node)] as const),
      ['outside', at(list.outside)] as const,
    ]);
  }

  /** On the wire first, which may take a moment to follow; then `muslinctl why`, which may not. */
  async function holds(rows: readonly Row[], families: readonly (4 | 6)[] = [4]): Promise<void> {
    await Promise.all(families.map(family => holdsOver(rows, family)));
  }

  async function holdsOver(rows: readonly Row[], family: 4 | 6): Promise<void> {
    const where = await places(family);
    let left = rows;
    await until(
      async () => {
        const wrong = new Set(await wrongRows(left, where));
        left = left.filter(row => wrong.has(row.line));
        return left;
      },
      () => left.length === 0,
      8_000,
      100,
    );
    expect(left.map(row => `${row.line} over IPv${family}`)).toEqual([]);
    // The families mean different things only where addresses are written.
    const asked = family === 4 ? rows : rows.filter(row => /outside|node/.test(row.line));
    const said = await Promise.all(asked.map(row => why(row, where, family)));
    expect(said.filter((answer, i) => answer !== asked[i]?.line)).toEqual([]);
  }

  async function why(row: Row, where: Places, family: 4 | 6): Promise<string> {
    // A pod's name stands for its first address; the other one is dialled by number.
    const end = (name: string) => (name.includes('/') && family === 4 ? name : (where.get(name)?.ip ?? name));
    let text = '';
    const ctx: Context = {
      stdout: more => (text += more),
      stderr: more => (text += more),
      stdin: () => (async function* () {})(),
      paint: PLAIN,
      now: () => new Date(),
      env: { KUBECONFIG: lab.cluster.kubeconfig },
      fail: (code, ...messages) => {
        text += messages.join('\n');
        return code;
      },
    };
    const target = end(row.to);
    const to = `${target.includes(':') ? `[${target}]` : target}:${row.port}/${row.protocol}`;
    const code = await muslinctl(['why', end(row.from), to], ctx, VERBS);
    const answer = code === 0 ? 'allow' : code === 1 ? 'deny' : `no answer: ${text}`;
    return `${row.from} -> ${row.to}:${row.port}/${row.protocol} ${answer}`;
  }

  it('find every row of the truth table on the wire, over IPv4 and IPv6, and in the words of muslinctl', async () => {
    await holds(TRUTH, [4, 6]);
    const said = await execa(
      'npm',
      ['run', '-s', 'muslinctl', '--', 'why', 'storefront/cart', 'payments/api:http'],
      { cwd: ROOT, reject: false, env: { KUBECONFIG: lab.cluster.kubeconfig } },
    );
    expect(said.exitCode).toBe(1);
    expect(said.stdout).toContain('deny  storefront/cart -> payments/api:8443/TCP');
    const wide = await kubectl.run('get pods -A -o wide');
    expect(wide).toMatch(/storefront +web +2\/2 +Running/);
    expect(wide).toMatch(/monitoring +node-exporter +1\/1 +Running .* 172\.30\.0\.12 +node2/);
  });

  it('relabel pods and namespaces, and edit policies, and each edit counts', async () => {
    await kubectl.run('label ns sandbox purpose=monitoring');
    await kubectl.run('label pod -n storefront cart quarantined=yes');
    await kubectl.run('edit networkpolicy -n payments ledger-in', { editor: 'sed -i s/7005/7006/' });
    await kubectl.args([
      'patch',
      'networkpolicy',
      '-n',
      'storefront',
      'web-is-public',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/ingress/0/ports/0/port","value":"metrics"}]',
    ]);
    await kubectl.run('delete networkpolicy -n storefront web-out');
    await holds(
      readRows(`
        sandbox/curious -> storefront/web:9113/tcp allow
        storefront/cart -> storefront/cache:6379/tcp deny
        payments/api -> payments/ledger:7006/tcp allow
        outside -> storefront/web:80/tcp deny
        outside -> storefront/web:9113/tcp allow
        storefront/web -> storefront/cart:8080/tcp deny
        storefront/web -> payments/api:8443/tcp deny
        storefront/web -> kube-system/coredns:53/udp allow
      `),
      [4, 6],
    );
    await kubectl.run('label pod -n sandbox curious app=nosy --overwrite');
    await holds(readRows('sandbox/curious -> storefront/web:9113/tcp deny'));
    await kubectl.run('label ns sandbox purpose-');
    await kubectl.run('label pod -n storefront cart quarantined-');
    // Puts the labels and policies of the file back.
    await kubectl.apply(YAML);
    await holds(TRUTH);
  });

  it('complete a pod, and delete one and use its name again: neither leaves its rights behind', async () => {
    const before = await places();
    const sixes = await places(6);
    const old = ['payments/batch', 'payments/api'].flatMap(name => [
      before.get(name)?.ip ?? '',
      sixes.get(name)?.ip ?? '',
    ]);
    await kubectl.args([
      ...['patch', 'pod', '-n', 'payments', 'batch', '--subresource=status', '--type=merge'],
      ...['-p', '{"status":{"phase":"Succeeded"}}'],
    ]);
    await kubectl.run('delete pod -n payments api --wait');
    await kubectl.apply(`
apiVersion: v1
kind: Pod
metadata: { name: api, namespace: payments, labels: { app: impostor } }
spec:
  nodeName: node1
  containers: [{ name: api, image: example.com/impostor, ports: [{ name: http, containerPort: 8443 }] }]
`);
    await kubectl.run('wait --for=condition=Ready pod -n payments api --timeout=20s');
    await holds(
      readRows(`
        payments/api -> payments/ledger:5432/tcp deny
        storefront/web -> payments/api:8443/tcp deny
        payments/api -> outside:8444/tcp allow
        node1 -> payments/api:8443/tcp allow
        node2 -> payments/api:8443/tcp deny
      `),
    );
    const left = await until(
      async () => (await setMembers()).filter(ip => old.includes(ip)),
      ips => ips.length === 0,
      10_000,
    );
    // Everybody may log to the API, so the impostor is in a set by its own right if it got an old address.
    const impostor = [await places(), await places(6)].map(where => where.get('payments/api')?.ip);
    expect((left.held ? left.value : left.last).filter(ip => !impostor.includes(ip))).toEqual([]);
  });

  it('delete a namespace, and nothing of it is left', async () => {
    const before = [...(await places()), ...(await places(6))];
    const gone = before.filter(([name]) => name.startsWith('storefront/')).map(([, at]) => at);
    expect(gone).toHaveLength(6);
    await kubectl.run('delete ns storefront --wait --timeout=30s');
    const names = await kubectl.run('get pods,networkpolicies,serviceaccounts -A -o name');
    expect(names).not.toMatch(/\/(web|cart|cache|cart-in|web-out|scrape)$/m);
    const traces = async () => {
      const members = await setMembers();
      const namespaces = (await execa('ip', ['netns', 'list'])).stdout;
      const states = await Promise.all(lab.cluster.topology.nodes.map(n => lab.cluster.agentStatus(n)));
      return [
        ...gone.filter(at => members.includes(at.ip)).map(at => `set member ${at.ip}`),
        ...gone.filter(at => namespaces.includes(at.netns)).map(at => `namespace ${at.netns}`),
        ...states.flatMap(s => Object.keys(s?.policies ?? {}).filter(key => key.includes('/storefront/'))),
      ];
    };
    const left = await until(traces, list => list.length === 0, 15_000, 100);
    expect(left.held ? [] : left.last).toEqual([]);
    await holds(
      readRows(`
        sandbox/curious -> payments/ledger:5432/tcp deny
        sandbox/curious -> kube-system/coredns:9153/tcp allow
      `),
    );
  });

  /** Addresses in the sets of all nodes. */
  async function setMembers(): Promise<readonly string[]> {
    const saves = await Promise.all(
      lab.cluster.topology.nodes.map(node => execa('ip', ['netns', 'exec', node.netns, 'ipset', 'save'])),
    );
    return saves.flatMap(save =>
      [...save.stdout.matchAll(/^add \S+ ([0-9a-f.:]+)/gm)].map(m => m[1] as string),
    );
  }
});
