import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backOffMs,
  diffRelist,
  explainWatchFault,
  keyOf,
  type KubeFault,
  type KubeObject,
  mergePatch,
  RESOURCES,
  sameJson,
  watchFaults,
} from '../src/index.ts';
import { localFault } from '../src/kube-fault.ts';
import { LineSplitter } from '../src/lines.ts';
import { parseWatchLine } from '../src/watch-event.ts';

describe('backOffMs', () => {
  it('starts at 0.1 s, doubles, ends at 30 s, and gives each caller its own half', () => {
    expect([1, 2, 3, 7, 8, 1e9].map(n => backOffMs(n, 1))).toEqual([100, 200, 400, 6_400, 10_000, 10_000]);
    expect(backOffMs(1, 0)).toBe(50);
    expect(backOffMs(0, 1)).toBe(0);
  });
});

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(40)), (texts, cuts) => {
        const lines = texts.map(text => text.replaceAll('\n', ''));
        const bytes = new TextEncoder().encode(lines.map(line => `${line}\n`).join(''));
        const splitter = new LineSplitter(1 << 20);
        const got: string[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          for (const step of splitter.push(bytes.subarray(at, at + cut)))
            if ('line' in step) got.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(step.line));
          at += cut;
        }
        expect(got).toEqual(lines.filter(line => line !== ''));
        expect(splitter.pending).toBe(0);
      }),
    );
  });
  it('holds no more than its limit', () => {
    const splitter = new LineSplitter(4);
    expect([...splitter.push(new Uint8Array([1, 2, 3]))]).toEqual([]);
    expect([...splitter.push(new Uint8Array([1, 2]))]).toEqual([{ tooLong: 5 }]);
  });
});

describe('parseWatchLine', () => {
  it('gives a value or a fault for any bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map(text => new TextEncoder().encode(text)),
        ),
        bytes => {
          const parsed = parseWatchLine(bytes, 'GET /x');
          if (!parsed.ok) expect(parsed.fault.code).toBe('Unreachable');
        },
      ),
    );
  });
  it('knows the bookmark that ends the initial events', () => {
    const line = JSON.stringify({
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: '9', annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    expect(parseWatchLine(new TextEncoder().encode(line), 'x')).toEqual({
      ok: true,
      value: { type: 'BOOKMARK', resourceVersion: '9', initialEventsEnd: true },
    });
  });
});

describe('diffRelist', () => {
  const world = fc
    .dictionary(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.tuple(fc.constantFrom('1', '2'), fc.constantFrom('u', 'v')),
    )
    .map(entries => {
      const map = new Map<string, KubeObject>();
      for (const [name, [resourceVersion, uid]] of Object.entries(entries)) {
        const object = { metadata: { name, resourceVersion, uid } };
        map.set(keyOf(object), object);
      }
      return map;
    });
  it('turns what was known into what is listed, and says nothing about what is the same', () => {
    fc.assert(
      fc.property(world, world, (known, listed) => {
        const replay = new Map(known);
        for (const event of diffRelist(known, listed)) {
          if (event.type === 'delete') replay.delete(keyOf(event.object));
          else {
            expect(event.old).toBe(known.get(keyOf(event.object)));
            replay.set(keyOf(event.object), event.object);
          }
        }
        expect(replay).toEqual(listed);
        expect(diffRelist(listed, listed)).toEqual([]);
      }),
    );
  });
});

describe('mergePatch', () => {
  /** RFC 7386 §2, as its pseudo-code says. */
  function apply(target: unknown, patch: unknown): unknown {
    if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
    const result: Record<string, unknown> =
      typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
    for (const [name, value] of Object.entries(patch)) {
      if (value === null) delete result[name];
      else result[name] = apply(result[name], value);
    }
    return result;
  }
  const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.integer({ min: 0, max: 3 }),
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('tree'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  it('turns the one into the other, and is nothing when they are equal', () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        const patch = mergePatch(from, to);
        expect(patch === undefined).toBe(sameJson(from, to));
        if (patch !== undefined) expect(apply(from, patch)).toEqual(to);
      }),
    );
  });
});

describe('explainWatchFault', () => {
  const absent: KubeFault = { code: 'NotFound', request: 'GET /apis/x', message: 'GET /apis/x: not found' };
  it.each([
    ['IPPool', 'install the CRD ippools.projectcalico.org; no pod can start before'],
    ['EndpointSlice', 'it is older than Kubernetes 1.32, so upgrade it; no pod can start before'],
  ] as const)('says of a %s that is not served: %s', (kind, advice) => {
    const text = explainWatchFault(RESOURCES[kind], absent, 'no pod can start before');
    expect(text).toMatch(/^the API server does not serve /);
    expect(text.endsWith(`: ${advice}`)).toBe(true);
  });
  it('leaves what passes by itself as the server said it', () => {
    const refused = localFault('Unreachable', 'GET /api/v1/pods', 'connect ECONNREFUSED');
    expect(explainWatchFault(RESOURCES.Pod, refused, 'never')).toBe(
      `watch broke, trying again: ${refused.message}`,
    );
  });
});

it('an outage is one line for all watches, and one more after a minute; what somebody must mend is told of each kind', async () => {
  const told: string[] = [];
  const sleeps: (() => void)[] = [];
  let now = 0;
  const sleep = () => new Promise<void>(resolve => sleeps.push(resolve));
  const broke = watchFaults((kind, text) => told.push(`${kind}: ${text}`), 'no pod can start before', {
    now: () => now,
    sleep,
  });
  const away = (plural: string) => localFault('Unreachable', `GET /apis/${plural}`, 'connect ECONNREFUSED');
  const turn = async () => {
    sleeps.shift()?.();
    await Promise.resolve();
  };
  for (const _ of [1, 2]) {
    broke('Pod', RESOURCES.Pod, away('pods'));
    broke('Node', RESOURCES.Node, away('nodes'));
  }
  await turn();
  broke('Pod', RESOURCES.Pod, away('pods'));
  expect(sleeps).toEqual([]);
  broke('Tier', RESOURCES.Tier, { code: 'NotFound', request: 'GET /apis/x', message: 'no such thing' });
  now = 60_000;
  broke('Node', RESOURCES.Node, away('nodes'));
  await turn();
  expect(told).toEqual([
    'Pod, Node: 2 watches broke; the first: watch broke, trying again: GET /apis/pods: connect ECONNREFUSED',
    expect.stringMatching(/^Tier: the API server does not serve Tier/),
    'Node: watch broke, trying again: GET /apis/nodes: connect ECONNREFUSED',
  ]);
});
