import { afterEach, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi, type Written } from './fake-api.ts';
import { folder } from './folder.ts';
import { muslinctl } from './test-context.ts';

const POOLS = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: a}
spec: {cidr: 10.1.0.0/16}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: b}
spec:
  cidr: 10.2.0.0/16
  blockSize: 99
`;
const calico = '/apis/projectcalico.org/v3';
const status = (code: number, reason: string, details: object = {}) => ({
  status: code,
  body: { kind: 'Status', status: 'Failure', code, reason, message: `refused: ${reason}`, details },
});

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function run(
  argv: readonly string[],
  given: {
    stdin?: string;
    lists?: Parameters<typeof fakeApi>[0];
    onWrite?: Parameters<typeof fakeApi>[1];
  } = {},
) {
  api ??= await fakeApi(given.lists ?? {}, given.onWrite);
  const ran = await muslinctl([...argv, '--kubeconfig', api.kubeconfig], { stdin: given.stdin ?? '' });
  return { ...ran, writes: api.writes };
}

describe('muslinctl create, apply, replace and delete', () => {
  it('apply every object on the server, and say so in the words of calicoctl', async () => {
    const ran = await run(['apply', '-f', '-'], { stdin: POOLS });
    expect(ran).toMatchObject({
      code: 0,
      stdout: "Successfully applied 2 'IPPool' resource(s)\n",
      stderr: '',
    });
    expect(ran.writes.map(({ method, path, type }) => ({ method, path, type }))).toEqual(
      ['a', 'b'].map(name => ({
        method: 'PATCH',
        path: `${calico}/ippools/${name}`,
        type: 'application/apply-patch+yaml',
      })),
    );
    expect(ran.writes[0]?.query).toBe('fieldManager=muslinctl&fieldValidation=Strict&force=true');
  });

  it('put namespaced objects where they say, else where -n or the kubeconfig says', async () => {
    const policy = (metadata: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: ${metadata}\nspec: {podSelector: {}}\n`;
    const stdin = `${policy('{name: a}')}---\n${policy('{name: b, namespace: own}')}`;
    const ran = await run(['create', '-f', '-'], { stdin });
    expect(ran.stdout).toBe("Successfully created 2 'NetworkPolicy' resource(s)\n");
    await run(['create', '-f', '-', '-n', 'other'], { stdin: policy('{name: c}') });
    expect(ran.writes.map(({ path }) => path)).toEqual(
      ['shop', 'own', 'other'].map(ns => `/apis/networking.k8s.io/v1/namespaces/${ns}/networkpolicies`),
    );
  });

  it('go on after a refusal, and name file, line, object and field', async () => {
    using files = folder({ 'pools.yaml': POOLS });
    const causes = [{ field: 'spec.blockSize', message: 'must be between 20 and 32' }];
    const onWrite = ({ path }: Written) =>
      path.endsWith('/b') ? status(422, 'Invalid', { causes }) : undefined;
    const ran = await run(['apply', '-f', files.path], { onWrite });
    expect(ran).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `Partial success: applied 1 of 2 'IPPool' resource(s)
error: ${files.path}/pools.yaml:11: IPPool b: spec.blockSize: must be between 20 and 32
`,
    });
  });

  it('leave what is there with --skip-exists, and what is not with --skip-not-exists', async () => {
    const onWrite = ({ method }: Written) =>
      method === 'POST'
        ? status(409, 'AlreadyExists')
        : method === 'DELETE'
          ? status(404, 'NotFound')
          : undefined;
    expect((await run(['create', '-f', '-'], { stdin: POOLS, onWrite })).code).toBe(1);
    expect((await run(['create', '-f', '-', '--skip-exists'], { stdin: POOLS })).stdout).toBe(
      "Successfully created 0 resource(s)\nLeft 2 'IPPool' resource(s) as they are\n",
    );
    expect((await run(['delete', '-f', '-'], { stdin: POOLS })).code).toBe(1);
    expect((await run(['delete', '-f', '-', '-s'], { stdin: POOLS })).code).toBe(0);
  });

  it('replace with the version that is current', async () => {
    const lists = { [`${calico}/ippools`]: [{ metadata: { name: 'a', resourceVersion: '41' } }] };
    const ran = await run(['replace', '-f', '-'], { stdin: POOLS.split('---')[0] ?? '', lists });
    expect(ran.stdout).toBe("Successfully replaced 1 'IPPool' resource(s)\n");
    expect(ran.writes[0]).toMatchObject({
      method: 'PUT',
      body: { metadata: { name: 'a', resourceVersion: '41' } },
    });
  });

  it('delete by kind and name', async () => {
    const lists = { [`${calico}/bgppeers`]: [{ metadata: { name: 'tor' } }] };
    const ran = await run(['delete', 'bgppeer', 'tor', 'rot'], { lists });
    expect(ran).toMatchObject({
      code: 1,
      stdout: "Successfully deleted 1 'BGPPeer' resource(s)\n",
      stderr: 'error: bgppeer "rot" is not there\n',
    });
    expect(ran.writes).toMatchObject([{ method: 'DELETE', path: `${calico}/bgppeers/tor` }]);
    expect(await run(['delete', 'bgppeer', 'rot', '-s'])).toMatchObject({
      code: 0,
      stdout: "Successfully deleted 0 resource(s)\nLeft out 1 'BGPPeer' resource(s) not there\n",
      stderr: '',
    });
    expect((await run(['delete', 'bgppeer', 'tor', '--dry-run'])).stdout).toBe(
      "Successfully deleted 1 'BGPPeer' resource(s) (dry run)\n",
    );
    expect(ran.writes.at(-1)?.body).toMatchObject({ dryRun: ['All'] });
  });

  it('leave folders below alone unless -R is given, as kubectl and calicoctl do', async () => {
    const pool = (name: string) =>
      `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: ${name}}\nspec: {cidr: 10.9.0.0/16}\n`;
    using files = folder({ 'a.yaml': pool('a'), 'below/b.yaml': pool('b') });
    const shallow = await run(['apply', '-f', files.path]);
    expect(shallow).toMatchObject({
      code: 0,
      stdout: "Successfully applied 1 'IPPool' resource(s)\n",
      stderr: `warning: ${files.path}/below: a folder below is left out; -R reads it too\n`,
    });
    const deep = await run(['apply', '-R', `--filename=${files.path}`]);
    expect(deep).toMatchObject({ stdout: "Successfully applied 2 'IPPool' resource(s)\n", stderr: '' });
  });

  it('ask the server only, with --dry-run', async () => {
    const ran = await run(['apply', '-f', '-', '--dry-run'], { stdin: POOLS });
    expect(ran.stdout).toBe("Successfully applied 2 'IPPool' resource(s) (dry run)\n");
    expect(ran.writes.every(({ query }) => query.includes('dryRun=All'))).toBe(true);
  });

  it('ask nobody with --dry-run=client, and find what the meaning forbids', async () => {
    const ran = await run(['apply', '-f', '-', '--dry-run=client'], { stdin: POOLS.split('---')[0] ?? '' });
    expect(ran).toMatchObject({
      ...{ code: 0, writes: [] },
      stdout: "Successfully applied 1 'IPPool' resource(s) (client dry run)\n",
    });
    const wrong = await run(['apply', '-f', '-', '--dry-run=client'], { stdin: POOLS });
    expect(wrong).toMatchObject({ code: 1, stdout: '', writes: [] });
    expect(wrong.stderr).toContain('IPPool b: spec.blockSize');
    const strange = POOLS.replace('kind: IPPool', 'kind: IPPoool').replace('blockSize: 99', 'blokSize: 28');
    const told = await run(['apply', '-f', '-', '--dry-run=client'], { stdin: strange });
    expect(told.stderr).toContain('projectcalico.org has no kind IPPoool. Did you mean "IPPool"?');
    expect(told.stderr).toContain('spec.blokSize: is no field here, so that it would be dropped');
    expect((await run(['apply', '-f', '-', '--dry-run=both'], { stdin: POOLS })).code).toBe(2);
    await run(['apply', '-f', '-', '--dry-run=none', '--allow-version-mismatch'], { stdin: POOLS });
    expect(ran.writes.every(({ query }) => !query.includes('dryRun'))).toBe(true);
  });

  it('show with diff -f what apply would change, field by field, and change nothing', async () => {
    const stdin = POOLS.replace('blockSize: 99', 'blockSize: 28');
    const lists = {
      [`${calico}/ippools`]: [
        { metadata: { name: 'a', resourceVersion: '1' }, spec: { cidr: '10.9.0.0/16' } },
      ],
    };
    const ran = await run(['diff', '-f', '-'], { stdin, lists });
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toContain('IPPool a\n');
    expect(ran.stdout).toContain('  ~ spec.cidr: "10.9.0.0/16" -> "10.1.0.0/16"\n');
    expect(ran.stdout).toContain('IPPool b (new)\n');
    expect(ran.stdout).toContain('  + spec.blockSize: 28\n');
    expect(ran.writes.every(({ query }) => query.includes('dryRun=All'))).toBe(true);
    expect((await run(['diff', 'one'])).code).toBe(2);
  });

  it('say which kinds the server does not serve', async () => {
    const ran = await run(['apply', '-f', '-'], {
      stdin: 'apiVersion: x.io/v1\nkind: Y\nmetadata: {name: z}\n',
    });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('error: (standard input):1: Y z: ');
  });

  it.each([
    [['apply', '-f', '/nowhere'], 'error: /nowhere: no such file or folder\n'],
    [['apply', '-f', '-'], 'error: -: no Kubernetes objects there\n'],
    [
      ['apply', '-f', 'https://x.example/pool.yaml'],
      'error: https://x.example/pool.yaml: addresses of the web are not read. Look at it first: curl -sL https://x.example/pool.yaml | muslinctl … -f -\n',
    ],
    [['delete'], 'error: name a file or folder with -f\n'],
    [
      ['delete', 'ipool', 'a'],
      'error: there is no kind "ipool". Did you mean "ippool"? "muslinctl get --help" lists all kinds\n',
    ],
    [['delete', 'wep', 'a'], 'error: workloadendpoints are made from pods: change the pod instead\n'],
  ])('end with 2 for %j', async (argv, stderr) => {
    expect(await run(argv)).toMatchObject({ code: 2, stdout: '', stderr });
  });
});

describe('muslinctl patch and label', () => {
  const lists = {
    [`${calico}/ippools`]: [{ metadata: { name: 'a' } }],
    '/api/v1/nodes': [{ metadata: { name: 'n1', labels: { rack: 'r1' } } }],
    [`${calico}/networkpolicies`]: [{ metadata: { name: 'x', namespace: 'shop' } }],
    '/apis/networking.k8s.io/v1/networkpolicies': [{ metadata: { name: 'x', namespace: 'shop' } }],
  };

  it('merge into custom resources, as they know no strategic merge', async () => {
    const ran = await run(['patch', 'ippool', 'a', '-p', '{"spec":{"disabled":true}}'], { lists });
    expect(ran.stdout).toBe("Successfully patched 1 'IPPool' resource(s)\n");
    expect(ran.writes).toMatchObject([
      { type: 'application/merge-patch+json', body: { spec: { disabled: true } } },
    ]);
    await run(['patch', 'node', 'n1', '-p', '{}']);
    expect(ran.writes.at(-1)?.type).toBe('application/strategic-merge-patch+json');
  });

  it('refuse a name that two kinds share until the group is said', async () => {
    const ran = await run(['patch', 'networkpolicy', 'x', '-p', '{}'], { lists });
    expect(ran.stderr).toBe(
      'error: x is there several times: say networkpolicies.networking.k8s.io or networkpolicies.projectcalico.org\n',
    );
    expect((await run(['patch', 'networkpolicies.projectcalico.org', 'x', '-p', '{}'])).code).toBe(0);
  });

  it('set labels, but change one only when told to', async () => {
    const ran = await run(['label', 'node', 'n1', 'zone=a'], { lists });
    expect(ran.stdout).toBe('Successfully set label zone on Node n1\n');
    expect(ran.writes).toMatchObject([
      { path: '/api/v1/nodes/n1', body: { metadata: { labels: { zone: 'a' } } } },
    ]);
    const clash = await run(['label', 'node', 'n1', 'rack=r2']);
    expect(clash).toMatchObject({
      code: 1,
      stderr: 'error: Node n1 has rack=r1 already: add --overwrite to change it\n',
    });
    expect(await run(['label', 'node', 'n1', 'rack=r2', '--overwrite'])).toMatchObject({
      code: 0,
      stdout: 'Successfully updated label rack on Node n1\n',
    });
  });

  it('tell as calicoctl does that a label was there, or is not there to be removed', async () => {
    expect((await run(['label', 'node', 'n1', 'rack=r1'], { lists })).stdout).toBe(
      'Successfully updated label rack on Node n1\n',
    );
    expect(await run(['label', 'node', 'n1', 'zone', '--remove'])).toMatchObject({
      ...{ code: 1, stdout: '' },
      stderr: 'error: Node n1 has no label zone to remove\n',
    });
  });

  it('remove labels in both spellings', async () => {
    await run(['label', 'node', 'n1', 'rack-'], { lists });
    const ran = await run(['label', 'node', 'n1', 'rack', '--remove']);
    expect(ran.stdout).toBe('Successfully removed label rack from Node n1\n');
    expect(ran.writes.map(({ body }) => body)).toEqual(
      Array(2).fill({ metadata: { labels: { rack: null } } }),
    );
  });

  it.each([
    [['patch', 'ippool', 'a', '-p', '{'], /^error: --patch: not JSON/],
    [['patch', 'ippool', 'a', '-p', '{}', '-t', 'json'], /with --type json it is a list of steps/],
    [['patch', 'ippool', 'a', '-p', '[]'], /is a list of steps: add --type json/],
    [['patch', 'ippool', 'a', '-p', '{}', '-t', 'x'], /choices are strategic, json, merge/],
    [['label', 'node', 'n1', 'rack'], /^error: "rack" is no label: write key=value, or key- to remove it/],
  ])('end with 2 for %j', async (argv, stderr) => {
    const ran = await run(argv, { lists });
    expect(ran.stderr).toMatch(stderr);
    expect(ran.code).toBe(2);
  });
});
