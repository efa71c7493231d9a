import { ByteWriter, type Ip6, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage, type NextHop, type PathAttributes, packNlri, PLAIN_OPTIONS } from '../src/index.ts';
import { writeAttributes } from '../src/wire/attributes.ts';
import { PlainUpdate } from '../src/wire/plain-update.ts';
import { decodeUpdate } from '../src/wire/update.ts';

const HEADER = 19;
const ROUTES = packNlri('ipv4-unicast', [
  { prefix: mustPrefix('10.1.2.0/24'), pathId: 0 },
  { prefix: mustPrefix('10.1.0.0/19'), pathId: 0 },
]);
const NONE = packNlri('ipv4-unicast', []);
const ROUTES6 = packNlri('ipv6-unicast', [
  { prefix: mustPrefix('2001:db8:1::/48'), pathId: 0 },
  { prefix: mustPrefix('2001:db8::/33'), pathId: 0 },
]);

const word = fc.nat(0xffffffff);
const attributesOf: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom('igp', 'egp', 'incomplete'),
    asPath: fc.array(
      fc.record({
        kind: fc.constantFrom('sequence', 'set', 'confed-sequence'),
        asNumbers: fc.array(fc.integer({ min: 0, max: 70_000 }), { minLength: 0, maxLength: 70 }),
      }),
      { maxLength: 3 },
    ),
    nextHop: fc
      .constantFrom('10.0.0.9', '127.0.0.1', '224.0.0.1', '0.1.2.3')
      .map(text => ({ ip: mustIp(text) })),
    med: word,
    localPref: word,
    atomicAggregate: fc.constant(true as const),
    communities: fc.array(word, { maxLength: 70 }),
    clusterList: fc.array(fc.constant({ family: 4 as const, bits: 7 }), { maxLength: 2 }),
    extendedCommunities: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 3 }),
    largeCommunities: fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 3 }),
    onlyToCustomer: word,
    unknown: fc.array(
      fc.record({ flags: fc.nat(255), code: fc.nat(255), bytes: fc.uint8Array({ maxLength: 4 }) }),
      {
        maxLength: 1,
      },
    ),
  },
  { requiredKeys: ['origin', 'asPath', 'nextHop'] },
) as fc.Arbitrary<PathAttributes>;

/** Bodies of whole UPDATEs, some with a few octets changed, cut off or turned round. */
const bodies = fc
  .tuple(
    attributesOf,
    fc.boolean(),
    fc.boolean(),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
    fc.nat(600),
  )
  .map(([attributes, withdraws, announces, changes, most]) => {
    const message = encodeMessage(
      {
        kind: 'update',
        withdrawn: withdraws ? ROUTES : NONE,
        announced: announces ? ROUTES : NONE,
        attributes: announces ? attributes : {},
        faults: [],
      },
      PLAIN_OPTIONS,
    );
    const body = message.slice(HEADER);
    for (const [at, value] of changes) if (at < body.length) body[at] = value;
    return changes.length > 0 ? body.subarray(0, Math.max(body.length - 2, most)) : body;
  });

const hops6 = fc.constantFrom<NextHop>(
  ...[
    { ip: mustIp('2001:db8::9') },
    { ip: mustIp('fe80::9') },
    { ip: mustIp('::1') },
    { ip: mustIp('ff02::1') },
  ],
  { ip: mustIp('2001:db8::9'), linkLocal: mustIp('fe80::9') as Ip6 },
  { ip: mustIp('2001:db8::9'), linkLocal: mustIp('2001:db8::8') as Ip6 },
);

/** Attributes of the usual kind. */
const usual = fc.record(
  {
    origin: fc.constantFrom('igp', 'incomplete'),
    asPath: fc.array(
      fc.record({
        kind: fc.constantFrom('sequence', 'set'),
        asNumbers: fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    nextHop: fc.constant({ ip: mustIp('10.0.0.9') }),
    med: word,
    communities: fc.array(word, { minLength: 1, maxLength: 4 }),
    largeCommunities: fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['origin', 'asPath', 'nextHop'] },
) as fc.Arbitrary<PathAttributes>;

/** The same for IPv6; `last` puts MP_REACH_NLRI behind the other attributes, as some speakers do. */
const bodies6 = fc
  .tuple(
    fc.oneof(attributesOf, usual),
    hops6,
    fc.constantFrom('reach', 'reach', 'reach', 'unreach', 'both'),
    fc.boolean(),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 2 }),
  )
  .map(([{ nextHop: _, ...attributes }, nextHop, what, last, changes]) => {
    const reach = what !== 'unreach';
    const message = encodeMessage(
      {
        ...{ kind: 'update', withdrawn: NONE, announced: NONE, faults: [] },
        attributes: reach ? attributes : {},
        ...(reach && { mpReach: { nextHop, nlri: ROUTES6 } }),
        ...(what !== 'reach' && { mpUnreach: ROUTES6 }),
      },
      PLAIN_OPTIONS,
    );
    const body = message.slice(HEADER);
    const first =
      4 +
      (((body[4] as number) & 0x10) !== 0
        ? 4 + (((body[6] as number) << 8) | (body[7] as number))
        : 3 + (body[6] as number));
    const turned =
      last && body[5] === 14 ? [...body.slice(0, 4), ...body.slice(first), ...body.slice(4, first)] : body;
    const result = Uint8Array.from(turned);
    for (const [at, value] of changes) if (at < result.length) result[at] = value;
    return result;
  });

function load(body: Uint8Array, external: boolean): PlainUpdate | undefined {
  const plain = new PlainUpdate();
  // Somewhere inside other octets, as in a read from a socket.
  const around = new Uint8Array(body.length + 6).fill(0xff);
  around.set(body, 3);
  return plain.load(around, 3, 3 + body.length, { ...PLAIN_OPTIONS, external }) ? plain : undefined;
}

describe('an UPDATE that needs no thought', () => {
  test('says the same to the decoder that thinks', () => {
    let plains = 0;
    fc.assert(
      fc.property(bodies, fc.boolean(), (body, external) => {
        const plain = load(body, external);
        if (plain === undefined) return;
        plains++;
        const { bytes } = plain;
        const decoded = decodeUpdate(body, { ...PLAIN_OPTIONS, external });
        if (!decoded.ok) throw new Error('the decoder finds a fault');
        expect(decoded.value.faults).toEqual([]);
        expect(decoded.value.withdrawn.bytes).toEqual(bytes.slice(plain.withdrawnStart, plain.withdrawnEnd));
        expect(decoded.value.announced.bytes).toEqual(bytes.slice(plain.routesStart, plain.routesEnd));
        const writer = new ByteWriter();
        writeAttributes(writer, decoded.value.attributes, PLAIN_OPTIONS);
        expect(writer.finish()).toEqual(bytes.slice(plain.attributesStart, plain.attributesEnd));
      }),
      { numRuns: 4000, seed: 7606 },
    );
    expect(plains).toBeGreaterThan(200);
  });

  test('of IPv6 says the same to the decoder that thinks', () => {
    let reaches = 0;
    let unreaches = 0;
    fc.assert(
      fc.property(bodies6, fc.boolean(), (body, external) => {
        const plain = load(body, external);
        if (plain === undefined) return;
        const { bytes, attributeBytes } = plain;
        const decoded = decodeUpdate(body, { ...PLAIN_OPTIONS, external });
        if (!decoded.ok) throw new Error('the decoder finds a fault');
        const { mpReach, mpUnreach, attributes, faults, withdrawn, announced } = decoded.value;
        expect(faults).toEqual([]);
        if (plain.family === 'ipv4-unicast') return;
        expect([withdrawn.bytes.length, announced.bytes.length]).toEqual([0, 0]);
        const taken = mpUnreach?.bytes ?? new Uint8Array(0);
        expect(taken).toEqual(bytes.slice(plain.withdrawnStart, plain.withdrawnEnd));
        const told = mpReach?.nlri.bytes ?? new Uint8Array(0);
        expect(told).toEqual(bytes.slice(plain.routesStart, plain.routesEnd));
        const writer = new ByteWriter();
        if (mpReach?.nextHop !== undefined) {
          reaches++;
          writeAttributes(writer, { ...attributes, nextHop: mpReach.nextHop }, PLAIN_OPTIONS);
        } else unreaches++;
        expect(writer.finish()).toEqual(attributeBytes.slice(plain.attributesStart, plain.attributesEnd));
      }),
      { numRuns: 4000, seed: 4760 },
    );
    expect(reaches).toBeGreaterThan(200);
    expect(unreaches).toBeGreaterThan(200);
  });

  const ordinary: PathAttributes = {
    origin: 'igp',
    asPath: [{ kind: 'sequence', asNumbers: [65001, 3356] }],
    nextHop: { ip: mustIp('10.0.0.9') },
    med: 10,
    communities: [65001],
  };
  const bodyOf = (attributes: PathAttributes, withdrawn = NONE, announced = ROUTES) =>
    encodeMessage({ kind: 'update', withdrawn, announced, attributes, faults: [] }, PLAIN_OPTIONS).slice(
      HEADER,
    );

  test('is nearly every one of a full table, from outside and inside', () => {
    expect(load(bodyOf(ordinary), true)).toBeDefined();
    expect(load(bodyOf({ ...ordinary, localPref: 100 }), false)).toBeDefined();
    expect(load(bodyOf({}, ROUTES, NONE), true)).toBeDefined();
  });

  test('is not one with LOCAL_PREF from outside, an End-of-RIB, or attributes without routes', () => {
    expect(load(bodyOf({ ...ordinary, localPref: 100 }), true)).toBeUndefined();
    expect(load(bodyOf({}, NONE, NONE), true)).toBeUndefined();
    expect(load(bodyOf(ordinary, NONE, NONE), true)).toBeUndefined();
  });
});
