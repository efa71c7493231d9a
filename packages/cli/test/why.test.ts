import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './fake-api.ts';
import { folder } from './folder.ts';
import { SHOP } from './shop.ts';
import { muslinctl } from './test-context.ts';

const shop = folder({ 'shop.yaml': SHOP });
afterAll(() => shop[Symbol.dispose]());
const why = (...argv: string[]) => muslinctl(['why', ...argv, '--files', shop.path]);
/** Without the folder's name, which is new each time. */
const shown = (text: string) => text.replaceAll(`${shop.path}/`, '');

describe('muslinctl why', () => {
  it('tells the verdict in the first line, then every rule with its place, then what would turn it', async () => {
    const ran = await why('shop/web-1', 'shop/db-1:5433/tcp');
    expect(ran.code).toBe(1);
    expect(shown(ran.stdout)).toBe(`\
deny  shop/web-1 -> shop/db-1:5433/TCP  (ingress: NetworkPolicy shop/db isolates shop/db-1, and no rule allows it)

egress of shop/web-1: allow - no policy isolates shop/web-1 for egress

ingress of shop/db-1: deny - NetworkPolicy shop/db isolates shop/db-1, and no rule allows it
  tier default
    NetworkPolicy shop/db [shop.yaml:11]: no rule matches
      - spec.ingress[0].from[0] [shop.yaml:18]: source 251.64.0.1 is not in 10.0.0.0/8
      - spec.ingress[0].from[1] [shop.yaml:20]: port 5433 is not 5432
    end of tier: deny what no rule matched

Any one of these alone would allow it:
  - add port TCP 5433 to spec.ingress[0].ports of NetworkPolicy shop/db
  - add a rule to NetworkPolicy shop/db that allows ingress from the pods of namespace shop with app == "web" on TCP 5433
  - remove label app from Pod shop/db-1
  - set label app=web on Pod shop/db-1
  - remove NetworkPolicy shop/db
`);
  });

  it('shows that a port of a node leads to a pod, and what that pod says', async () => {
    const yaml = `
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 8080}]}]}
status: {podIP: 10.0.0.1}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: shut, namespace: shop}, spec: {podSelector: {}}}
`;
    const files = folder({ 'all.yaml': yaml });
    const ran = await muslinctl(['why', '192.0.2.1', '192.168.0.1:8080', '--files', files.path]);
    const itself = await muslinctl(['why', '192.0.2.1', 'node/n1:22', '--files', files.path]);
    expect(itself.stdout).toContain(
      'ingress of 192.168.0.1: allow - it is node n1 itself, where pod policies do not apply',
    );
    expect(itself.stdout).toContain('egress of 192.0.2.1: allow - it is outside the cluster');
    files[Symbol.dispose]();
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain(
      'deny  192.0.2.1 -> 192.168.0.1:8080/TCP  (ingress: NetworkPolicy shop/shut isolates shop/api, and no rule allows it)\n' +
        'note: port 8080 of node n1 is a hostPort of shop/api and translated to its port 80 before policies look, so rules must name the pod and that port\n',
    );
  });

  it('says what would come of a policy that is staged for deletion', async () => {
    const staged = `
apiVersion: projectcalico.org/v3
kind: StagedKubernetesNetworkPolicy
metadata: {name: db, namespace: shop}
spec: {stagedAction: Delete}
`;
    const files = folder({ 'shop.yaml': SHOP, 'staged.yaml': staged });
    const ran = await muslinctl(['why', 'shop/web-1', 'shop/db-1:5433/tcp', '--files', files.path]);
    files[Symbol.dispose]();
    expect(ran.stdout).toMatch(/^deny /);
    expect(ran.stdout).toContain(
      '\nnote: staged: without NetworkPolicy shop/db the answer would be allow, as StagedKubernetesNetworkPolicy shop/db would delete it\n',
    );
  });

  it('names the rule that allows, and ends with 0', async () => {
    const ran = await why('shop/web-1', 'shop/db-1:5432');
    expect(ran.code).toBe(0);
    expect(shown(ran.stdout)).toContain(
      'allow  shop/web-1 -> shop/db-1:5432/TCP  (ingress: NetworkPolicy shop/db allows it in spec.ingress[0].from[1])\n',
    );
    expect(shown(ran.stdout)).toContain(
      '      * spec.ingress[0].from[1] [shop.yaml:20]: Allow, as source shop/web-1 (251.64.0.1) is app == "web" in namespace shop\n',
    );
  });

  it('of a thousand rules that do not match, shows the nearest, and says how many more there are', async () => {
    const ingress = Array.from({ length: 1_000 }, (_, i) => ({
      from: [{ ipBlock: { cidr: `10.${Math.floor(i / 250)}.${i % 250}.0/24` } }],
      ports: [{ port: 1_000 + i }],
    }));
    const many = {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
      ...{ metadata: { name: 'many', namespace: 'shop' }, spec: { podSelector: {}, ingress } },
    };
    const files = folder({ 'shop.yaml': SHOP, 'many.json': JSON.stringify(many) });
    const ran = await muslinctl(['why', '10.3.3.7', 'shop/db-1:9999', '--files', files.path]);
    expect(ran.stdout).toContain('spec.ingress[753].from[0]');
    expect(ran.stdout).toContain('port 9999 is not 1753');
    expect(ran.stdout).toContain('(and 985 more rules that do not match; -o yaml lists all)');
    expect(ran.stdout.split('\n').length).toBeLessThan(60);
  });

  it('takes pods of -n, named ports, and addresses of both families', async () => {
    expect((await why('-n', 'shop', 'web-1', 'db-1:postgres')).code).toBe(0);
    expect((await why('10.2.3.4', 'shop/db-1:5432')).code).toBe(0);
    expect((await why('2001:db8::1', 'shop/db-1:5432')).code).toBe(1);
    expect((await why('shop/db-1', '[2001:db8::1]:53/udp')).stdout).toMatch(
      /^allow {2}shop\/db-1 -> 2001:db8::1:53\/UDP/,
    );
    expect((await why('shop/web-1', 'shop/db-1:icmp')).code).toBe(1);
  });

  it('needs no port where there is only one', async () => {
    expect((await why('shop/db-1', 'shop/web-1')).stdout).toMatch(
      /^allow {2}shop\/db-1 -> shop\/web-1:80\/TCP/,
    );
  });

  it.each([
    [['shop/web-1', 'shop/db-1'], 'TO: say which port, as in TO:80; it offers 5432 (postgres), 9187'],
    [['shop/web-1', 'shop/db-1:mysql'], 'TO: no TCP port is named "mysql"; it offers 5432 (postgres), 9187'],
    [
      ['shop/web-1', 'shop/db-2:80'],
      'there is no pod shop/db-2 (finished pods do not count). Did you mean "shop/db-1"?',
    ],
    [['shop/web-1', 'svc/shop/db:80'], 'there is no Service shop/db.'],
    [['shop/web-1', 'shop/db-1:70000'], 'TO: port 70000 is not between 1 and 65535'],
    [
      ['shop/web-1', 'shop/db-1:80/tpc'],
      'TO: "tpc" is no protocol: write tcp, udp, sctp, icmp, icmpv6 or a number',
    ],
    [
      ['a/b/c/d', 'shop/db-1:80'],
      'FROM: "a/b/c/d" is neither namespace/pod, svc/namespace/name, service.namespace, node/name nor an IP address',
    ],
  ])('ends with 2 for %j', async (argv, message) => {
    expect(await why(...argv)).toEqual({ code: 2, stdout: '', stderr: `error: ${message}\n` });
  });

  it('gives the same as data, with places', async () => {
    const data = JSON.parse((await why('shop/web-1', 'shop/db-1:5433', '-o', 'json')).stdout);
    expect(data).toMatchObject({
      ...{ verdict: 'deny', from: 'shop/web-1', to: 'shop/db-1', port: 5433, protocol: 'TCP' },
      paths: [
        {
          packet: { source: '251.64.0.1', destination: '251.64.0.2', destinationPort: 5433 },
          egress: { verdict: 'allow' },
          ingress: {
            verdict: 'deny',
            policy: 'NetworkPolicy shop/db',
            line: 11,
            tiers: [
              {
                policies: [
                  {
                    rules: [
                      { line: 18, matched: false },
                      { line: 20, because: 'port 5433 is not 5432' },
                    ],
                  },
                ],
              },
            ],
          },
        },
      ],
    });
    expect(data.flips.map((flip: { kind: string }) => flip.kind)).toContain('add-port');
    expect((await why('shop/web-1', 'shop/db-1:5433', '-o=yaml')).stdout).toMatch(
      /^verdict: deny\nfrom: shop\/web-1\n/,
    );
  });

  it('looks behind a Service, at each backend', async () => {
    using files = folder({
      'shop.yaml': SHOP,
      'service.yaml': `apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.10, selector: {app: db}, ports: [{name: sql, port: 3306, targetPort: postgres}]}
`,
    });
    const ran = await muslinctl(['why', 'shop/web-1', 'svc/shop/db:sql', '-f', files.path]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain(
      'note: Service shop/db (10.96.0.10) is translated to a backend before policies look',
    );
    expect(ran.stdout).toContain('spec.ingress[0].from[1]');
  });
});

describe('muslinctl why, asking a cluster', () => {
  let api: FakeApi;
  beforeAll(async () => {
    const pod = (name: string, app: string, ip: string) => ({
      metadata: { name, namespace: 'shop', labels: { app } },
      spec: { nodeName: 'n1', containers: [] },
      status: { phase: 'Running', podIP: ip },
    });
    api = await fakeApi({
      '/api/v1/pods': [pod('web-1', 'web', '10.1.0.5'), pod('db-1', 'db', '10.1.0.6')],
      '/api/v1/namespaces': [{ metadata: { name: 'shop' } }],
      '/apis/networking.k8s.io/v1/networkpolicies': [
        {
          metadata: { name: 'db', namespace: 'shop' },
          spec: { podSelector: { matchLabels: { app: 'db' } } },
        },
      ],
    });
  });
  afterAll(() => api.close());

  it('uses the namespace of the kubeconfig, and does without kinds that are not served', async () => {
    const ran = await muslinctl(['why', 'web-1', 'db-1:5432', '--kubeconfig', api.kubeconfig]);
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(
      /^deny {2}shop\/web-1 -> shop\/db-1:5432\/TCP {2}\(ingress: NetworkPolicy shop\/db isolates/,
    );
    expect(ran.stdout).toContain('    NetworkPolicy shop/db: no rule matches\n      it has no rules\n');
  });

  it('ends with 2 and says what to do when there is no cluster', async () => {
    const ran = await muslinctl(['why', 'a', 'b:1', '--kubeconfig', '/nowhere/config']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/; or name a folder of manifests with --files\n$/);
  });
});

describe('a Service in manifests, which say no ClusterIP', () => {
  const repository = folder({
    'all.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: [{containerPort: 5432, name: pg}]}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: pg, name: sql}]}
---
apiVersion: v1
kind: Service
metadata: {name: direct, namespace: shop}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432, name: sql}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}
`,
  });
  afterAll(() => repository[Symbol.dispose]());
  const ask = (...argv: string[]) => muslinctl(['why', ...argv, '--files', repository.path]);

  it('gets one, so that its port is translated before policies see it', async () => {
    const ran = await ask('shop/web', 'svc/shop/db:80');
    expect(ran.stdout).toMatch(/^allow /);
    expect(ran.stdout).not.toContain('headless');
    expect((await ask('shop/web', 'svc/shop/db:sql')).code).toBe(0);
    expect((await ask('shop/web', 'svc/shop/db:5432')).stderr).toContain(
      'does not serve TCP 5432; its ports are: TCP 80',
    );
  });

  it('stays headless when it says so, and opens no connections', async () => {
    expect((await ask('shop/web', 'svc/shop/direct:5432')).stdout).toContain('headless');
    const ran = await ask('svc/shop/db', 'shop/web:80');
    expect([ran.code, ran.stderr]).toEqual([2, 'error: FROM: a Service opens no connections; name a pod\n']);
  });
});
