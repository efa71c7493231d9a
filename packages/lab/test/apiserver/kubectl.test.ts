import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Rig, startRig } from './rig.ts';

let rig: Rig;
let home: string;
beforeAll(async () => {
  const found = (process.env['PATH'] ?? '').split(delimiter).some(dir => {
    try {
      accessSync(join(dir, 'kubectl'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Error('These tests drive a real kubectl: install it (1.32 or later) on the PATH.');
  home = mkdtempSync(join(tmpdir(), 'muslin-kubectl-'));
  rig = await startRig();
  writeFileSync(join(home, 'config'), rig.kubeconfig, { mode: 0o600 });
});
afterAll(async () => {
  await rig?.close();
  if (home !== undefined) rmSync(home, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, KUBECONFIG: join(home, 'config') };
}

/** Runs kubectl; `stdin` is a manifest for `-f -`. */
function run(args: string, stdin = ''): Promise<Outcome> {
  return new Promise(resolve => {
    const words = [...args.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(match => match[0].replaceAll("'", ''));
    const child = execFile('kubectl', words, { env: environment(), timeout: 20_000 }, (fault, out, err) => {
      resolve({ code: fault === null ? 0 : Number(fault.code ?? 1), out, err });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(stdin);
  });
}

/** Runs kubectl, which must succeed without a warning. */
async function ok(args: string, stdin = ''): Promise<string> {
  const { code, out, err } = await run(args, stdin);
  expect({ args, code, err }).toEqual({ args, code: 0, err: '' });
  return out;
}

/** The table that kubectl printed, one list of cells per line. */
const cells = (text: string) =>
  text
    .trim()
    .split('\n')
    .map(line => line.trim().split(/ {2,}/));

const POD = `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  initContainers:
  - {name: i, image: "busybox:1.36", command: [sh, -c, "true"]}
  containers:
  - name: c
    image: nginx
    args: [-x]
    env:
    - {name: A, value: b}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: S, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
    envFrom: [{configMapRef: {name: x}}]
    ports: [{containerPort: 80, name: http}, {containerPort: 53, protocol: UDP}]
    resources: {limits: {cpu: 100m, memory: 64Mi}, requests: {cpu: 0.1, memory: 64Mi}}
    readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}
    livenessProbe: {exec: {command: [ls]}}
    startupProbe: {tcpSocket: {port: 80}}
    lifecycle: {preStop: {exec: {command: [sleep, "1"]}}}
    securityContext: {allowPrivilegeEscalation: false, runAsUser: 1000, capabilities: {drop: [ALL], add: [NET_ADMIN]}}
    volumeMounts: [{name: v, mountPath: /v}, {name: h, mountPath: /h, readOnly: true, mountPropagation: HostToContainer}]
  volumes:
  - {name: v, emptyDir: {sizeLimit: 1Gi}}
  - {name: h, hostPath: {path: /var, type: DirectoryOrCreate}}
  - {name: p, projected: {sources: [{serviceAccountToken: {path: t}}, {configMap: {name: x, items: [{key: a, path: b}]}}]}}
  nodeSelector: {kubernetes.io/os: linux}
  tolerations: [{operator: Exists, effect: NoSchedule}]
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - {weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}}
  topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
  hostAliases: [{ip: 127.0.0.1, hostnames: [me]}]
  dnsConfig: {options: [{name: ndots, value: "2"}]}
  securityContext: {fsGroup: 1, seccompProfile: {type: RuntimeDefault}, sysctls: [{name: net.core.somaxconn, value: "1"}]}
  priorityClassName: system-node-critical
  terminationGracePeriodSeconds: 0
`;

const policy = (port: number) => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {}}]
    ports: [{port: ${port}, protocol: TCP}]
`;

describe('kubectl', () => {
  it('sees the resources', async () => {
    const out = await ok('api-resources --no-headers');
    expect(cells(out)).toContainEqual([
      'networkpolicies',
      'netpol',
      'networking.k8s.io/v1',
      'true',
      'NetworkPolicy',
    ]);
    expect(cells(out)).toContainEqual(['pods', 'po', 'v1', 'true', 'Pod']);
    expect(JSON.parse(await ok('version -o json')).serverVersion.gitVersion).toMatch(/^v1\./);
    expect(await ok('auth whoami')).toContain('tester');
    expect(await ok('auth can-i create pods')).toBe('yes\n');
  });

  it('makes, labels, annotates and deletes a namespace', async () => {
    expect(await ok('create ns work')).toBe('namespace/work created\n');
    await ok('label ns work team=a');
    await ok('annotate ns work note=x');
    expect(cells(await ok('get ns work --no-headers --show-labels'))[0]?.slice(0, 2)).toEqual([
      'work',
      'Active',
    ]);
    expect(await ok('get ns -l team=a -o name')).toBe('namespace/work\n');
    expect(await ok('describe ns work')).toContain('team=a');
    await ok('create cm x -n work --from-literal=a=b');
    expect(await ok('delete ns work')).toBe('namespace "work" deleted\n');
    expect((await run('get ns work')).err).toBe(
      'Error from server (NotFound): namespaces "work" not found\n',
    );
  });

  it('makes simple things by verb', async () => {
    await ok('create secret generic s --from-literal=k=v');
    expect(await ok("get secret s -o jsonpath='{.data.k}'")).toBe(Buffer.from('v').toString('base64'));
    await ok('create sa robot');
    await ok('create svc clusterip direct --tcp=80:8080');
    const [, row] = cells(await ok('get svc direct'));
    expect([row?.[0], row?.[1], row?.[3], row?.[4]]).toEqual(['direct', 'ClusterIP', '<none>', '80/TCP']);
    expect(row?.[2]).toMatch(/^10\.96\.\d+\.\d+$/);
    expect(cells(await ok('get sa robot --no-headers'))[0]?.[0]).toBe('robot');
  });

  it('applies a full pod without a warning, and again without a change', async () => {
    expect(await ok('apply -f -', POD)).toBe('pod/web created\n');
    const before = await ok("get pod web -o jsonpath='{.metadata.resourceVersion}'");
    await ok('apply -f -', POD);
    expect(await ok("get pod web -o jsonpath='{.metadata.resourceVersion}'")).toBe(before);
    expect(cells(await ok('get po -o wide'))).toEqual([
      ['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'IP', 'NODE', 'NOMINATED NODE', 'READINESS GATES'],
      ['web', '0/1', 'Pending', '0', expect.stringMatching(/s$/), '<none>', '<none>', '<none>', '<none>'],
    ]);
    const described = await ok('describe pod web');
    for (const line of ['Service Account:', 'nginx', 'Burstable', 'Tolerations:'])
      expect(described).toContain(line);
  });

  it('applies a List, as kubectl get writes them, and is told which item is wrong', async () => {
    const item = (name: string, data: object) => ({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } },
      ...data,
    });
    const list = (...items: object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    expect(await ok('apply -f -', list(item('one', {}), item('two', {})))).toBe(
      'configmap/one created\nconfigmap/two created\n',
    );
    const { code, err } = await run('apply -f -', list(item('one', { data: { a: 1 } })));
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('"one"') });
    await ok('delete configmap one two');
  });

  it('is told of a misspelled field', async () => {
    const { code, err } = await run('apply -f -', POD.replace('hostAliases', 'hostAlias'));
    expect([code, err]).toEqual([1, expect.stringContaining('unknown field "spec.hostAlias"')]);
  });

  it('patches in three ways', async () => {
    await ok(
      'patch pod web -p \'{"metadata":{"labels":{"k":"1"}},"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}\'',
    );
    await ok('patch pod web --type merge -p \'{"metadata":{"labels":{"k":"2"}}}\'');
    await ok('patch pod web --type json -p \'[{"op":"add","path":"/metadata/labels/j","value":"x"}]\'');
    expect(
      await ok(
        "get pod web -o jsonpath='{.metadata.labels}/{.spec.containers[*].image}/{.spec.containers[0].args}'",
      ),
    ).toBe('{"app":"web","j":"x","k":"2"}/nginx:2/["-x"]');
    const { err } = await run('patch pod web -p \'{"spec":{"nodeName":"n1"}}\'');
    expect(err).toContain('pod updates may not change fields other than');
  });

  it('shows what would change, and changes it', async () => {
    await ok('apply -f -', policy(80));
    expect(await ok('apply -f -', policy(80))).toBe('networkpolicy.networking.k8s.io/np unchanged\n');
    expect((await run('diff -f -', policy(80))).code).toBe(0);
    const { code, out } = await run('diff -f -', policy(81));
    expect([code, out]).toEqual([1, expect.stringMatching(/-\s+- port: 80\n\+\s+- port: 81/)]);
    expect(await ok('apply -f -', policy(81))).toBe('networkpolicy.networking.k8s.io/np configured\n');
    expect(cells(await ok('get netpol'))).toEqual([
      ['NAME', 'POD-SELECTOR', 'AGE'],
      ['np', 'app=web', expect.stringMatching(/s$/)],
    ]);
    expect(await ok('describe netpol np')).toContain('To Port: 81/TCP');
  });

  it('applies on the server, meets a conflict and forces its way', async () => {
    const configMap = (data: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: ${data}\n`;
    expect(await ok('apply --server-side -f -', configMap('{x: "1", w: "1"}'))).toBe(
      'configmap/ssa serverside-applied\n',
    );
    const { code, err } = await run('apply --server-side --field-manager=other -f -', configMap('{x: "2"}'));
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('Apply failed with 1 conflict: conflict with "kubectl": .data.x'),
    ]);
    await ok('apply --server-side --field-manager=other --force-conflicts -f -', configMap('{x: "2"}'));
    expect(await ok("get cm ssa -o jsonpath='{.data}'")).toBe('{"w":"1","x":"2"}');
    // The change of hands from client-side to server-side apply.
    await ok('apply -f -', configMap('{z: "1"}').replace('ssa', 'csa'));
    await ok('apply --server-side -f -', configMap('{z: "2"}').replace('ssa', 'csa'));
    expect(await ok("get cm csa -o jsonpath='{.data}'")).toBe('{"z":"2"}');
  });

  it('applies a full pod on the server, and again without a change', async () => {
    const pod = POD.replace('name: web,', 'name: ssa,');
    await ok('apply --server-side -f -', pod);
    const version = "get pod ssa -o jsonpath='{.metadata.resourceVersion}'";
    const before = await ok(version);
    await ok('apply --server-side -f -', pod);
    expect(await ok(version)).toBe(before);
    await ok('delete pod ssa');
  });

  it('explains fields', async () => {
    expect(await ok('explain netpol.spec.ingress.ports')).toMatch(
      /endPort\s+<integer>[\s\S]*port\s+<IntOrString>/,
    );
    expect(await ok('explain pod.spec.containers')).toMatch(/image\s+<string>/);
  });

  it('watches', async () => {
    const child = spawn('kubectl', ['get', 'cm', '-w', '--no-headers', '-o', 'name'], { env: environment() });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
    });
    const seen = async (text: string) => {
      for (let i = 0; i < 500 && !out.includes(text); i++)
        await new Promise(resolve => setTimeout(resolve, 10));
      expect(out).toContain(text);
    };
    try {
      await seen('configmap/ssa');
      await ok('create cm fresh');
      await seen('configmap/fresh');
    } finally {
      child.kill();
    }
  });

  it('waits for a condition', async () => {
    const waiting = ok('wait pod/web --for=condition=Ready --timeout=10s');
    await new Promise(resolve => setTimeout(resolve, 150));
    const status = {
      phase: 'Running',
      podIP: '10.0.0.7',
      podIPs: [{ ip: '10.0.0.7' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    };
    const patch = { 'content-type': 'application/merge-patch+json' };
    expect(
      (await rig.call('PATCH', '/api/v1/namespaces/default/pods/web/status', { status }, patch)).code,
    ).toBe(200);
    expect(await waiting).toBe('pod/web condition met\n');
  });

  it('sees services get endpoints', async () => {
    await ok('expose pod web --port=80 --target-port=http');
    const [, row] = cells(await ok('get endpointslices -l kubernetes.io/service-name=web'));
    expect(row?.slice(1, 4)).toEqual(['IPv4', '80', '10.0.0.7']);
    expect(await ok('describe svc web')).toMatch(/Endpoints:\s+10\.0\.0\.7:80/);
  });

  it('shows nodes', async () => {
    const node = {
      metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/control-plane': '' } },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: {
          kubeletVersion: 'v1.32.0',
          osImage: 'Debian',
          kernelVersion: '6',
          containerRuntimeVersion: 'none://1',
        },
        addresses: [{ type: 'InternalIP', address: '172.16.0.1' }],
      },
    };
    await rig.call('POST', '/api/v1/nodes', node);
    await rig.call('PUT', '/api/v1/nodes/n1/status', node);
    expect(cells(await ok('get nodes --no-headers -o wide'))[0]).toEqual([
      'n1',
      'Ready',
      'control-plane',
      expect.stringMatching(/s$/),
      'v1.32.0',
      '172.16.0.1',
      '<none>',
      'Debian',
      '6',
      'none://1',
    ]);
    await ok('cordon n1');
    await ok('taint node n1 k=v:NoSchedule');
    expect(await ok('get nodes --no-headers')).toContain('Ready,SchedulingDisabled');
    expect(await ok('describe node n1')).toContain('k=v:NoSchedule');
  });

  it('defines a kind and uses it', async () => {
    const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ties.example.io}
spec:
  group: example.io
  scope: Cluster
  names: {plural: ties, kind: Tie, singular: tie, shortNames: [ti]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Colour, type: string, jsonPath: .spec.colour}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, description: What a tie is., properties: {colour: {type: string, description: Its colour.}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`;
    await ok('apply -f -', crd);
    await ok('wait crd/ties.example.io --for=condition=Established --timeout=5s');
    const tie = (colour: string) =>
      `apiVersion: example.io/v1\nkind: Tie\nmetadata: {name: t}\nspec: {colour: ${colour}}\n`;
    expect(await ok('apply -f -', tie('red'))).toBe('tie.example.io/t created\n');
    expect(await ok('apply -f -', tie('red'))).toBe('tie.example.io/t unchanged\n');
    expect(await ok('apply -f -', tie('blue'))).toBe('tie.example.io/t configured\n');
    expect(cells(await ok('get ti'))).toEqual([
      ['NAME', 'COLOUR'],
      ['t', 'blue'],
    ]);
    expect((await run('apply -f -', tie('red').replace('colour', 'color'))).err).toContain(
      'unknown field "spec.color"',
    );
    expect(await ok('explain tie.spec.colour')).toContain('Its colour.');
    expect(await ok('get crd ties.example.io -o name')).toBe(
      'customresourcedefinition.apiextensions.k8s.io/ties.example.io\n',
    );
    await ok('delete tie t');
    await ok('delete crd ties.example.io');
  });

  it('deletes, also a pod on a node once its kubelet agrees', async () => {
    await rig.call('POST', '/api/v1/namespaces/default/pods', {
      metadata: { name: 'bound' },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
    });
    await ok('delete pod bound --wait=false');
    expect(cells(await ok('get pod bound --no-headers'))[0]?.slice(0, 3)).toEqual([
      'bound',
      '0/1',
      'Terminating',
    ]);
    expect((await run('delete pod bound --force --grace-period=0')).code).toBe(0);
    expect(await ok('delete pod/web netpol/np')).toBe(
      'pod "web" deleted\nnetworkpolicy.networking.k8s.io "np" deleted\n',
    );
    expect((await run('get pod')).err).toBe('No resources found in default namespace.\n');
  });

  it('hears plainly what the server lacks', async () => {
    await ok('apply -f -', POD);
    expect((await run('logs web -c c')).err).toContain('needs a kubelet');
    expect((await run('exec web -c c -- ls')).err).toContain('needs a kubelet');
  });
});
