import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadFiles, MAX_FILE_BYTES } from '../src/files/load.ts';
import { MAX_DOCUMENT } from '../src/files/yaml-documents.ts';
import { folder } from './folder.ts';

const pod = (name: string) => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n`;
const names = (loaded: Awaited<ReturnType<typeof loadFiles>>) =>
  loaded.objects.map(({ object }) => object.metadata.name);

/** Loads one file of this text. */
async function load(text: string, name = 'x.yaml') {
  using files = folder({ [name]: text });
  return await loadFiles([files.path]);
}

describe('files', () => {
  it('are read below a folder in the order of their names, by extension', async () => {
    using files = folder({
      'b.yaml': pod('b'),
      'a/z.yml': pod('z'),
      'a/c.json': '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"c"}}',
      'a/notes.txt': pod('no'),
      '.git/x.yaml': pod('no'),
      'node_modules/x.yaml': pod('no'),
      'values.yaml': 'replicas: 3\n',
    });
    const loaded = await loadFiles([files.path]);
    expect(names(loaded)).toEqual(['c', 'z', 'b']);
    expect(loaded.skipped).toEqual([{ file: `${files.path}/values.yaml`, line: 1 }]);
    expect(names(await loadFiles([`${files.path}/a/notes.txt`]))).toEqual(['no']);
  });

  it('are read once, whatever loops symbolic links make', async () => {
    using files = folder({ 'a/x.yaml': pod('x') });
    symlinkSync(files.path, `${files.path}/a/loop`);
    symlinkSync(`${files.path}/a`, `${files.path}/again`);
    symlinkSync(`${files.path}/self`, `${files.path}/self`);
    symlinkSync(`${files.path}/nowhere.yaml`, `${files.path}/dangling.yaml`);
    const loaded = await loadFiles([files.path]);
    expect(names(loaded)).toEqual(['x']);
    expect(loaded.faults).toEqual([]);
  });

  it('larger than 50 MiB are refused', async () => {
    using files = folder({});
    writeFileSync(`${files.path}/big.yaml`, '');
    truncateSync(`${files.path}/big.yaml`, MAX_FILE_BYTES + 1);
    expect((await loadFiles([files.path])).faults).toMatchObject([{ code: 'too-big' }]);
  });
});

describe('documents', () => {
  it('come several in a file, as Lists, typed Lists, and lists', async () => {
    const loaded = await load(`---\n# nothing\n---\n${pod('a')}---\n${pod('b')}...\n`);
    expect(names(loaded)).toEqual(['a', 'b']);
    const items = `items:\n- ${pod('c').replaceAll('\n', '\n  ').trimEnd()}\n- ${pod('d').replaceAll('\n', '\n  ').trimEnd()}\n`;
    expect(
      names(await load(`apiVersion: v1\n${items}kind: List\nmetadata:\n  resourceVersion: ""\n`)),
    ).toEqual(['c', 'd']);
    const typed =
      '{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"e"}},{"metadata":{"name":"f"}}]}';
    expect((await load(typed)).objects.map(({ object }) => object.kind)).toEqual(['Pod', 'Pod']);
    const bare = 'kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: h}\n- metadata: {name: i}\n';
    expect((await load(bare)).objects.map(({ object }) => object.kind)).toEqual(['Pod', 'Pod']);
    expect(names(await load(`- ${pod('g').replaceAll('\n', '\n  ')}`))).toEqual(['g']);
  });

  it('of more than 4 MiB are refused, unless they are lists', async () => {
    const big = `${pod('a')}data: "${'x'.repeat(MAX_DOCUMENT)}"\n`;
    expect((await load(big)).faults).toMatchObject([{ code: 'too-big' }]);
    const item = `  - apiVersion: v1\n    kind: Pod\n    metadata:\n      name: x\n      notes: |\n        - a\n        ${'x'.repeat(100_000)}\n`;
    const list = await load(`apiVersion: v1\nkind: List\nitems:\n${item.repeat(50)}`);
    expect(list.faults).toEqual([]);
    expect(list.objects).toHaveLength(50);
    expect(list.objects[49]?.locate('metadata.name').line).toBe(3 + 49 * 7 + 4);
  });

  it('with many keys take no longer than they should, and a key twice is a fault', async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `  k${i}: 1\n`).join('');
    const before = process.cpuUsage();
    expect((await load(`${pod('a')}data:\n${keys}`)).objects).toHaveLength(1);
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(3);
    expect((await load(`${pod('a')}data:\n${keys}  k7: 2\n`)).faults).toMatchObject([
      { code: 'not-yaml', line: 20_006, message: 'not YAML: the key "k7" is there twice' },
    ]);
  });

  it('say which line an item of a long list starts on', async () => {
    const items = ['a', 'b', 'c'].map(name => `- ${pod(name).replaceAll('\n', '\n  ').trimEnd()}\n`);
    const { objects } = await load(`apiVersion: v1\nkind: List\nitems:\n${items.join('')}`);
    expect(objects.map(({ locate }) => locate('metadata.name').line)).toEqual([7, 11, 15]);
  });

  it('may use anchors and merge keys, but not to build bombs', async () => {
    const anchored =
      'x: &labels {app: web}\napiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {<<: *labels, tier: x}}\n';
    const [one] = (await load(anchored)).objects;
    expect(one?.object.metadata).toMatchObject({ labels: { app: 'web', tier: 'x' } });
    const bomb = Array.from({ length: 9 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
        : `a${i}: &a${i} [${Array(10)
            .fill(`*a${i - 1}`)
            .join(', ')}]`,
    );
    const loaded = await load(`apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n${bomb.join('\n')}\n`);
    expect(loaded.faults).toMatchObject([{ code: 'too-many-aliases' }]);
  });

  it.each([
    ['YAML', `apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: ${'['.repeat(20_000)}`],
    [
      'JSON',
      `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
    ],
  ])('nested too deeply are a fault, not a crash (%s)', async (_, text) => {
    const loaded = await load(text);
    expect(loaded.objects).toEqual([]);
    expect(loaded.faults).toHaveLength(1);
  });

  it('with prototype keys change nothing but themselves', async () => {
    const loaded = await load(
      `${pod('a')}__proto__: {polluted: yes}\nconstructor: {prototype: {polluted: yes}}\n`,
    );
    expect(loaded.objects).toHaveLength(1);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(loaded.objects[0]?.object['polluted']).toBeUndefined();
  });

  it('that are broken name their file and line', async () => {
    const loaded = await load(`${pod('a')}---\n${pod('b')}  name: twice\n`);
    expect(loaded.faults).toMatchObject([{ code: 'not-yaml', line: 10 }]);
    const half = await load('{"apiVersion": "v1",\n "kind": \n', 'x.json');
    const data = await load('{"from":"a/b"}\n{"from":"c/d"}\n', 'flows.json');
    expect(data).toMatchObject({ faults: [], skipped: [{ line: 2 }] });
    expect(half.faults).toMatchObject([{ code: 'not-yaml' }]);
  });

  it('that are no text at all never throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async text => {
        await load(text);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a locator', () => {
  const text = `apiVersion: v1
kind: Pod
metadata:
  name: a
  labels:
    app.kubernetes.io/name: web
    app: b
spec:
  ingress:
    - from:
        - podSelector: {}
        - ipBlock:
            cidr: 10.0.0.0/8
      ports:
        - port: 80
        -
          port: 81
`;
  const json = JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a"\\', labels: { 'app.kubernetes.io/name': 'w}eb' } },
      spec: { ingress: [{ from: [1, { ipBlock: { cidr: 'x' } }] }] },
    },
    null,
    1,
  );

  it.each([
    ['', 1],
    ['metadata.labels[app.kubernetes.io/name]', 6],
    ['metadata.labels.app.kubernetes.io/name', 6],
    ['metadata.labels.app', 7],
    ['spec.ingress[0]', 10],
    ['spec.ingress[0].from[1]', 12],
    ['spec.ingress[0].from[1].ipBlock.cidr', 13],
    ['spec.ingress[0].from[1].ipBlock.except[3]', 12],
    ['spec.ingress[0].ports[1].port', 17],
    ['spec.egress[0]', 8],
    ['status', 1],
  ])('finds %j on line %i of YAML', async (path, line) => {
    const [one] = (await load(text)).objects;
    expect(one?.locate(path).line).toBe(line);
  });

  it.each([
    ['', 1],
    ['kind', 3],
    ['metadata.labels[app.kubernetes.io/name]', 7],
    ['spec.ingress[0].from[1].ipBlock.cidr', 17],
    ['spec.ingress[0].from[7]', 13],
  ])('finds %j on line %i of JSON', async (path, line) => {
    const [one] = (await load(json, 'x.json')).objects;
    expect(one?.locate(path).line).toBe(line);
  });

  it('agrees between YAML and JSON for every path of any object', () => {
    const paths = (value: unknown, path: string): readonly string[] => [
      path,
      ...(typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, part]) =>
            paths(part, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`),
          )
        : []),
    ];
    const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.string({ maxLength: 8 }));
    const key = fc.stringMatching(/^[a-z]{1,4}$/);
    const tree = fc.letrec(tie => ({
      node: fc.oneof(
        leaf,
        fc.array(tie('node'), { maxLength: 3, minLength: 1 }),
        fc.dictionary(key, tie('node'), { maxKeys: 3, minKeys: 1 }),
      ),
    })).node;
    return fc.assert(
      fc.asyncProperty(fc.dictionary(key, tree, { minKeys: 1, maxKeys: 3 }), async spec => {
        const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec };
        const [a] = (await load(JSON.stringify(object, null, 2), 'x.json')).objects;
        const [b] = (await load(JSON.stringify(object, null, 2).replace('{', '# no JSON\n{'), 'x.yaml'))
          .objects;
        for (const path of paths(spec, 'spec'))
          expect([path, a?.locate(path).line]).toEqual([path, (b?.locate(path).line ?? 0) - 1]);
        expect(stringify(a?.object)).toBe(stringify(b?.object));
      }),
      { numRuns: 60 },
    );
  });
});
