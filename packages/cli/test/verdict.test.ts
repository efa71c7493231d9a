import { afterAll, describe, expect, it } from 'vitest';
import { MAX_LINE } from '../src/flow/lines.ts';
import { folder } from './folder.ts';
import { SHOP } from './shop.ts';
import { muslinctl } from './test-context.ts';

const shop = folder({ 'shop.yaml': SHOP });
afterAll(() => shop[Symbol.dispose]());

async function verdict(stdin: string, files = shop.path) {
  const ran = await muslinctl(['verdict', '--files', files, '--flows', '-'], { stdin });
  return {
    ...ran,
    answers: ran.stdout
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line)),
  };
}

describe('muslinctl verdict', () => {
  it('answers with what decided at both ends, and where it stands', async () => {
    const ran = await verdict('{"from":"shop/web-1","to":"shop/db-1","port":5432}\n');
    expect(ran.answers).toEqual([
      {
        ...{ from: 'shop/web-1', to: 'shop/db-1', port: 5432, protocol: 'TCP', verdict: 'allow' },
        ingress: {
          verdict: 'allow',
          policy: 'NetworkPolicy shop/db',
          rule: 'spec.ingress[0].from[1]',
          reason: expect.stringContaining('NetworkPolicy shop/db allows it in spec.ingress[0].from[1]'),
          file: `${shop.path}/shop.yaml`,
          line: 20,
        },
        egress: { verdict: 'allow', reason: 'no policy isolates shop/web-1 for egress' },
      },
    ]);
    expect(ran.code).toBe(0);
  });

  it('reads flows from a file, blank lines and CRLF included, the last line without its end', async () => {
    const line = '{"from":"shop/web-1","to":"shop/db-1","port":80}';
    using flows = folder({ 'flows.jsonl': `${line}\r\n\n${line}` });
    const ran = await muslinctl(['verdict', '--files', shop.path, '--flows', `${flows.path}/flows.jsonl`]);
    expect(ran.stdout.match(/"verdict":"deny","ingress"/g)).toHaveLength(2);
    expect(ran.code).toBe(0);
  });

  it.each([
    ['nope', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['{"to":"shop/db-1","port":1}', 'from must be'],
    ['{"from":"shop/web-1","port":1}', 'to must be'],
    ['{"from":"shop/web-1","to":"shop/db-1"}', 'port must be a number from 1 to 65535'],
    ['{"from":"shop/web-1","to":"shop/db-1","port":"80"}', 'not "80"'],
    ['{"from":"shop/web-1","to":"shop/db-1","port":0}', 'not 0'],
    ['{"from":"shop/web-1","to":"shop/db-1","port":1.5}', 'not 1.5'],
    ['{"from":"shop/web-1","to":"shop/db-1","port":80,"protocol":"QUIC"}', 'not "QUIC"'],
    ['{"from":"shop/web-1","to":"shop/db-1","port":80,"protocol":{}}', 'not {}'],
    ['{"from":"shop/web-9","to":"shop/db-1","port":80}', 'there is no pod shop/web-9'],
    ['{"from":"__proto__/constructor","to":"shop/db-1","port":80}', 'from: '],
    ['{"from":"web-1","to":"shop/db-1","port":80}', 'is neither namespace/pod'],
    ['{"from":"svc/shop/db","to":"shop/db-1","port":80}', 'a Service opens no connections'],
    ['{"__proto__":{"from":"shop/web-1","to":"shop/db-1","port":80}}', 'from must be'],
    [`{"from":"${'x'.repeat(MAX_LINE)}"}`, 'longer than'],
  ])('gives an error line for %.70s, goes on, and ends with 1', async (bad, message) => {
    const good = '{"from":"shop/web-1","to":"shop/db-1","port":5432}';
    const ran = await verdict(`${good}\n${bad}\n${good}\n`);
    expect(ran.answers.map(answer => answer.verdict)).toEqual(['allow', 'error', 'allow']);
    expect(ran.answers[1].error).toMatch(/^line 2: /);
    expect(ran.answers[1].error).toContain(message);
    expect('from' in ran.answers[1] && 'to' in ran.answers[1]).toBe(true);
    expect(ran.code).toBe(1);
  });

  it('does not keep input without line feeds in memory', async () => {
    const ran = await verdict('a'.repeat(10 * MAX_LINE));
    expect(ran.answers).toHaveLength(1);
    expect(ran.code).toBe(1);
  });

  it.each([
    [
      ['--files', '/nowhere', '--flows', '-'],
      /^error: \/nowhere: no such file or folder\nerror: --skip-broken leaves out what cannot be read\n$/,
    ],
    [['--files', shop.path, '--flows', '/nowhere'], /^error: --flows \/nowhere: no such file or folder\n$/],
    [['--files', shop.path, '--flows', shop.path], /a folder, not a file of flows/],
    [['--files', '-', '--flows', '-'], /standard input holds either the flows or the files/],
    [['--flows', '-'], /required option '-f, --files <paths\.\.\.>' not specified/],
    [['--files', shop.path, '--flows', '-', '--pod-cidr', 'x'], /--pod-cidr: "x" is not an IP prefix/],
  ])('ends with 2 for %j', async (argv, stderr) => {
    const ran = await muslinctl(['verdict', ...argv]);
    expect(ran.stderr).toMatch(stderr);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
  });

  it('stops at a broken file, as answers without it could be wrong, unless told to go on', async () => {
    using files = folder({ 'shop.yaml': SHOP, 'x.yaml': 'apiVersion: [1,\nb: }' });
    const flow = '{"from":"shop/web-1","to":"shop/db-1","port":5432}';
    const ran = await verdict(flow, files.path);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/x\.yaml:2: not YAML: /);
    const on = await muslinctl(['verdict', '--files', files.path, '--skip-broken', '--flows', '-'], {
      stdin: flow,
    });
    expect(on.code).toBe(0);
    expect(on.stderr).toContain('warning: left out: ');
  });

  it('reads files from standard input when the flows come from elsewhere', async () => {
    using flows = folder({ 'f.jsonl': '{"from":"shop/web-1","to":"shop/db-1","port":5432}' });
    const argv = ['verdict', '--files', '-', '--flows', `${flows.path}/f.jsonl`];
    expect(JSON.parse((await muslinctl(argv, { stdin: SHOP })).stdout)).toMatchObject({
      verdict: 'allow',
      ingress: { file: '(standard input)', line: 20 },
    });
  });

  it('does not take an empty folder for an empty cluster, nor leave out half a policy in silence', async () => {
    using empty = folder({ 'values.yaml': 'replicas: 3' });
    expect(await verdict('', empty.path)).toMatchObject({
      code: 2,
      stderr: `error: ${empty.path}: no Kubernetes objects there\n`,
    });
    using half = folder({ 'a.yaml': SHOP, 'b.yaml': 'apiVersion: v1\nkind: Pod\nspec: {}\n' });
    expect((await verdict('', half.path)).stderr).toBe(
      `warning: left out: ${half.path}/b.yaml:1: Pod without metadata\n`,
    );
  });

  it('warns of policies that are not in effect', async () => {
    using files = folder({ 'shop.yaml': SHOP.replace('port: 5432}]\n', 'port: 70000}]\n') });
    const ran = await verdict('{"from":"shop/web-1","to":"shop/db-1","port":5432}', files.path);
    expect(ran.stderr).toMatch(
      /warning: not in effect: .*shop\.yaml:21: NetworkPolicy shop\/db: spec\.ingress\[0\]\.ports\[0\]\.port /,
    );
  });

  it('answers 10,000 flows a second and more on 1,000 pods and 300 policies', async () => {
    const pods = Array.from({ length: 1000 }, (_, i) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `p${i}`, namespace: `ns${i % 20}`, labels: { app: `a${i % 37}`, tier: `x${i % 3}` } },
      spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 80 }] }] },
    }));
    const policies = Array.from({ length: 300 }, (_, i) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `q${i}`, namespace: `ns${i % 20}` },
      spec: {
        podSelector: { matchLabels: { app: `a${i % 37}` } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [
          { from: [{ podSelector: { matchLabels: { tier: `x${i % 3}` } } }], ports: [{ port: 'http' }] },
        ],
        egress: [{ to: [{ podSelector: {} }] }],
      },
    }));
    using files = folder({
      'all.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...pods, ...policies] }),
    });
    const flow = (i: number) => {
      const [a, b] = [(i * 7919) % 1000, (i * 104_729 + 13) % 1000];
      return `{"from":"ns${a % 20}/p${a}","to":"ns${b % 20}/p${b}","port":80}\n`;
    };
    const flows = Array.from({ length: 20_000 }, (_, i) => flow(i)).join('');
    // Time of this process alone, so that a busy machine does not matter.
    const before = process.cpuUsage();
    const ran = await verdict(flows, files.path);
    const spent = process.cpuUsage(before);
    expect(ran.answers).toHaveLength(20_000);
    expect(new Set(ran.answers.map(answer => answer.verdict))).toEqual(new Set(['allow', 'deny']));
    expect((spent.user + spent.system) / 1e6).toBeLessThan(2);
  });
});
