import fc from 'fast-check';
import { formatIp } from '@muslin/net';
import { describe, expect, it } from 'vitest';
import {
  confirm,
  type GarbageState,
  type Judgement,
  judge,
  NOTHING_SEEN,
  remember,
  type Word,
} from '../../src/garbage/judge.ts';
import { Addresses, CARE, heardFrom, MINUTE, NOW, word } from './world.ts';

/** Looks every five minutes until the grace time is over. */
function lookUntilRipe(addresses: Addresses, said: Word, state: GarbageState = NOTHING_SEEN): Judgement {
  let judged = judge(addresses.objects(), said, NOW, state, CARE);
  for (const minutes of [5, 10, 15])
    judged = judge(addresses.objects(), said, NOW + minutes * MINUTE, judged.state, CARE);
  return judged;
}

const freed = (judged: Judgement) =>
  judged.releases.flatMap(release => release.addresses.map(({ proof }) => formatIp(proof.ip)));
const codes = (judged: Judgement) => judged.refusals.map(({ code }) => code);

describe('what a lost node held (calico#4861, #3589)', () => {
  const addresses = new Addresses().block('10.0.0.0/26', 'a');
  const ip = addresses.pod('10.0.0.0/26', 'a', 'p');
  const tunnel = addresses.tunnel('10.0.0.0/26', 'a');

  it('is freed when pod and node are gone for the grace time, tunnel addresses too', () => {
    expect(freed(lookUntilRipe(addresses, word(['b']))).sort()).toEqual([ip, tunnel].sort());
  });

  it('is only a candidate before', () => {
    const judged = judge(addresses.objects(), word(['b']), NOW, NOTHING_SEEN, CARE);
    expect([judged.candidates.length, judged.releases.length]).toEqual([2, 0]);
  });

  it('keeps what a node that is there still needs: its tunnel address is not even a candidate', () => {
    const judged = lookUntilRipe(addresses, word(['a']));
    expect(judged.candidates.map(({ leak }) => formatIp(leak.ip))).toEqual([ip]);
  });

  it('starts to wait again when the node was back in between', () => {
    const { state } = judge(addresses.objects(), word(['b']), NOW, NOTHING_SEEN, CARE);
    const back = judge(addresses.objects(), word(['a'], [['p', 'a', ip]]), NOW + 5 * MINUTE, state, CARE);
    expect(back.candidates).toEqual([]);
    const again = judge(addresses.objects(), word(['b']), NOW + 15 * MINUTE, back.state, CARE);
    expect(freed(again)).toEqual([]);
  });

  it('starts to wait again after a long pause, in which another replica may have led', () => {
    const { state } = judge(addresses.objects(), word(['b']), NOW, NOTHING_SEEN, CARE);
    expect(freed(judge(addresses.objects(), word(['b']), NOW + 60 * MINUTE, state, CARE))).toEqual([]);
  });

  it('waits when the clock goes back', () => {
    const { state } = judge(addresses.objects(), word(['b']), NOW + 60 * MINUTE, NOTHING_SEEN, CARE);
    expect(freed(judge(addresses.objects(), word(['b']), NOW + 20 * MINUTE, state, CARE))).toEqual([]);
  });
});

describe('on a node that lives', () => {
  const addresses = new Addresses().block('10.0.0.0/26', 'a');
  const ip = addresses.pod('10.0.0.0/26', 'a', 'p');

  it('the API alone frees nothing, however long a pod is gone', () => {
    const judged = lookUntilRipe(addresses, word(['a']));
    expect(freed(judged)).toEqual([]);
    expect(codes(judged)).toEqual(['one-witness']);
    expect(judged.refusals[0]?.message).toBe('there is no Pod web/p; nobody else says so');
  });

  it("the node's own report is the second proof", () => {
    expect(freed(lookUntilRipe(addresses, heardFrom(word(['a']), [], NOW)))).toEqual([ip]);
  });

  it('a report that may be older than the loss proves nothing', () => {
    expect(freed(lookUntilRipe(addresses, heardFrom(word(['a']), [], NOW - 1)))).toEqual([]);
  });

  it('a report that may lack something proves nothing, and vetoes all the same', () => {
    const lacks = lookUntilRipe(addresses, heardFrom(word(['a']), [], NOW, false));
    expect([freed(lacks), codes(lacks)]).toEqual([[], ['one-witness']]);
    const has = lookUntilRipe(addresses, heardFrom(word(['a']), [ip], NOW, false));
    expect([freed(has), codes(has)]).toEqual([[], ['vetoed']]);
  });

  it('a kernel that has the address vetoes', () => {
    const said = heardFrom(word(['b']), [ip], NOW);
    const judged = lookUntilRipe(addresses, said);
    expect([freed(judged), codes(judged)]).toEqual([[], ['vetoed']]);
    expect(judged.refusals[0]?.message).toBe(`the kernel of a has ${ip}`);
  });

  it('a pod that is too young is no candidate', () => {
    const young = new Addresses().block('10.0.0.0/26', 'a');
    young.pod('10.0.0.0/26', 'a', 'p', NOW - 1 * MINUTE);
    expect(judge(young.objects(), word([]), NOW, NOTHING_SEEN, CARE).candidates).toEqual([]);
  });
});

describe('a stale watch (calico#5044)', () => {
  const addresses = new Addresses().block('10.0.0.0/26', 'a');
  const ip = addresses.pod('10.0.0.0/26', 'a', 'p');

  it('never frees the address of a living pod: the fresh read of the pod stops it', () => {
    const [release] = lookUntilRipe(addresses, word([])).releases;
    if (release === undefined) throw new Error('nothing to confirm');
    const fresh = word([], [['p', 'a', ip]]);
    expect(confirm(release, fresh, NOW + 16 * MINUTE, CARE)).toEqual({
      ok: false,
      fault: `${ip} is held after all: a fresh read says so`,
    });
  });

  it('never frees it on one witness: the fresh read of the node stops it', () => {
    const [release] = lookUntilRipe(addresses, word([])).releases;
    if (release === undefined) throw new Error('nothing to confirm');
    expect(confirm(release, word(['a']), NOW + 16 * MINUTE, CARE).ok).toBe(false);
    expect(confirm(release, word([]), NOW + 16 * MINUTE, CARE).ok).toBe(true);
  });

  it('frees the old life of a StatefulSet pod only, when the pod has come back elsewhere', () => {
    const old = lookUntilRipe(addresses, word(['b'], [['p', 'b', '10.0.1.9']]));
    expect(freed(old)).toEqual([ip]);
  });
});

describe('mass deletion (calico#12457)', () => {
  const addresses = new Addresses().block('10.0.0.0/26', 'a').block('10.0.1.0/26', 'b');
  for (let i = 0; i < 20; i++) addresses.pod('10.0.0.0/26', 'a', `a${i}`);
  for (let i = 0; i < 20; i++) addresses.pod('10.0.1.0/26', 'b', `b${i}`);

  it('frees nothing when all pods and nodes seem gone, and says what to look at', () => {
    const judged = lookUntilRipe(addresses, word([]));
    expect(freed(judged)).toEqual([]);
    expect(new Set(codes(judged))).toEqual(new Set(['mass-release']));
    expect(judged.refusals[0]?.message).toBe(
      '40 of 40 addresses seem leaked, more than the 16 that are freed without asking; look at the report first',
    );
  });

  it('is not got around by many small helpings within the hour', () => {
    const few = new Addresses().block('10.0.0.0/26', 'a');
    for (let i = 0; i < 10; i++) few.pod('10.0.0.0/26', 'a', `p${i}`);
    expect(freed(lookUntilRipe(few, word(['b']))).length).toBe(10);
    const earlier = remember(NOTHING_SEEN, 7, NOW - MINUTE);
    const judged = lookUntilRipe(few, word(['b']), earlier);
    expect([freed(judged).length, codes(judged)[0]]).toEqual([0, 'mass-release']);
    const forgotten = lookUntilRipe(few, word(['b']), remember(NOTHING_SEEN, 7, NOW - 59 * MINUTE));
    expect(freed(forgotten).length).toBe(10);
  });
});

it('an address without a handle is never freed: nothing names this life of it', () => {
  const addresses = new Addresses().block('10.0.0.0/26', 'a');
  addresses.pod('10.0.0.0/26', 'a', 'p');
  const stored = addresses.stored().map(object => {
    if (object.kind !== 'IPAMBlock') return object;
    const spec = object.spec as { attributes: readonly object[] };
    return {
      ...object,
      spec: { ...spec, attributes: spec.attributes.map(each => ({ ...each, handle_id: undefined })) },
    };
  });
  const objects = { ...addresses.objects(), stored };
  expect(codes(judge(objects, word([]), NOW, NOTHING_SEEN, CARE))).toEqual(['no-handle']);
});

it('never frees the address of a living pod, whatever lists are stale and in whatever order', () => {
  interface Moment {
    readonly seen: ReadonlySet<number>;
    readonly nodes: readonly string[];
  }
  const moment: fc.Arbitrary<Moment> = fc.record({
    seen: fc.uniqueArray(fc.nat(7)).map(list => new Set(list)),
    nodes: fc.subarray(['a', 'b']),
  });
  let releases = 0;
  fc.assert(
    fc.property(
      fc.array(fc.record({ node: fc.constantFrom('a', 'b'), living: fc.boolean() }), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.array(moment, { minLength: 4, maxLength: 8 }),
      fc.subarray(['a', 'b']),
      (pods, moments, trueNodes) => {
        const addresses = new Addresses().block('10.0.0.0/26', 'a').block('10.0.1.0/26', 'b');
        const ips = pods.map(({ node }, i) =>
          addresses.pod(node === 'a' ? '10.0.0.0/26' : '10.0.1.0/26', node, `p${i}`),
        );
        const facts = pods.map(({ node }, i) => [`p${i}`, node, ips[i] ?? ''] as const);
        const truth = word(
          trueNodes,
          facts.filter((_, i) => pods[i]?.living),
        );
        let state = NOTHING_SEEN;
        for (const [i, { seen, nodes }] of moments.entries()) {
          const now = NOW + i * 8 * MINUTE;
          const lists = word(
            nodes,
            facts.filter((_, at) => seen.has(at)),
          );
          const judged = judge(addresses.objects(), lists, now, state, CARE);
          state = judged.state;
          for (const release of judged.releases) {
            if (!confirm(release, truth, now, CARE).ok) continue;
            releases++;
            for (const { proof } of release.addresses) {
              const at = ips.indexOf(formatIp(proof.ip));
              expect(pods[at]?.living).toBe(false);
              expect(trueNodes).not.toContain(pods[at]?.node);
            }
          }
        }
      },
    ),
    { numRuns: 500, seed: 7 },
  );
  // A property about nothing would hold as well.
  expect(releases).toBeGreaterThan(20);
});
