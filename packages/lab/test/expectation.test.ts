import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { snapshotOf } from '@muslin/api';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Cell } from '../src/matrix.ts';
import { sampleNamespaces, samplePods } from '../src/pods/sample.ts';
import { cellsOf, readExpectations } from '../src/story/expectation.ts';
import { judgeCells } from '../src/story/verdicts.ts';

const EXAMPLES = fileURLToPath(new URL('../../../docs/examples/', import.meta.url));
const FILES = globSync('*.yaml', { cwd: EXAMPLES }).sort();

describe('a line of expectation', () => {
  it('speaks of roles, a port, a protocol and an answer', () => {
    const text =
      '# Some words.\n#\n# expect: shop/web -> shop/api:8080/tcp allow\n#expect:a/b -> c/d:53/udp deny  \nkind: X\n';
    expect(readExpectations(text)).toEqual([
      {
        line: 'shop/web -> shop/api:8080/tcp allow',
        from: 'shop/web',
        to: 'shop/api',
        port: 8080,
        protocol: 'TCP',
        allow: true,
      },
      { line: 'a/b -> c/d:53/udp deny  ', from: 'a/b', to: 'c/d', port: 53, protocol: 'UDP', allow: false },
    ]);
  });

  it.each([
    '# expect: shop/web -> shop/api allow',
    '# expect: shop/web shop/api:80/tcp allow',
    '# expect: shop/web -> shop/api:80/sctp allow',
    '# expect: shop/web -> shop/api:80/tcp perhaps',
  ])('that can not be read is an error, never passed over: %s', line => {
    expect(() => readExpectations(line)).toThrow('not an expectation');
  });

  it('concerns every pair of pods of the two roles, but no pod and itself', () => {
    const names = ['shop/web-1', 'shop/web-2', 'shop/web-12', 'shop/webby-1', 'ops/web-1'];
    const cells: Cell[] = names.flatMap(from =>
      names.map(to => ({ from, to, port: 80, protocol: 'TCP', outcome: 'open' }) as const),
    );
    const [expectation] = readExpectations('# expect: shop/web -> shop/web:80/tcp allow');
    const found = cellsOf(expectation as never, cells).map(c => `${c.from} ${c.to}`);
    expect(found).toHaveLength(6);
    expect(found).not.toContain('shop/web-1 shop/web-1');
    expect(cellsOf({ ...(expectation as never as { port: number }), port: 81 } as never, cells)).toEqual([]);
  });
});

describe('docs/examples', () => {
  const facts = (yamls: readonly string[]) => [
    ...sampleNamespaces(),
    ...(samplePods(8) as { metadata: object; spec: object }[]).map((pod, i) => ({
      ...pod,
      spec: { ...pod.spec, nodeName: `node${1 + (i % 3)}` },
      status: { podIP: `10.244.0.${10 + i}`, podIPs: [{ ip: `10.244.0.${10 + i}` }] },
    })),
    ...yamls.map(yaml => parse(yaml) as object),
  ];

  it('are there, and each says what to expect', () => {
    expect(FILES.length).toBeGreaterThanOrEqual(5);
    for (const file of FILES)
      expect(readExpectations(readFileSync(EXAMPLES + file, 'utf8')).length, file).toBeGreaterThan(0);
  });

  it.each(FILES)('%s means what its comments say, together with those before it', file => {
    const upTo = FILES.slice(0, FILES.indexOf(file) + 1).map(name => readFileSync(EXAMPLES + name, 'utf8'));
    const { snapshot, findings } = snapshotOf(facts(upTo));
    expect(findings).toEqual([]);
    const judge = judgeCells(snapshot);
    for (const { from, to, port, protocol, allow, line } of readExpectations(upTo.at(-1) ?? ''))
      for (const [a, b] of [
        [1, 2],
        [2, 1],
      ])
        expect(judge({ from: `${from}-${a}`, to: `${to}-${b}`, port, protocol }), line).toBe(
          allow ? 'allow' : 'deny',
        );
  });
});
