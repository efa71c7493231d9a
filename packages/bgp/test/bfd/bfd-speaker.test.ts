import { mustIp } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bfd, type BfdOutput, type ControlPacket, decodeControl, encodeControl } from '../../src/index.ts';
import { VirtualLink } from './virtual-link.ts';

const peer = mustIp('10.0.0.2');
const here = mustIp('10.0.0.1');
const FAST = { transmitInterval: 50, receiveInterval: 50 };

const hello: ControlPacket = {
  diagnostic: 0,
  state: 'Down',
  poll: false,
  final: false,
  independent: false,
  authenticated: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 77,
  yourDiscriminator: 0,
  desiredMinTx: 1_000_000,
  requiredMinRx: 50_000,
  requiredMinEchoRx: 0,
};
const arriving = (change: Partial<ControlPacket> = {}, how: object = {}) => ({
  kind: 'packet' as const,
  from: peer,
  to: here,
  ttl: 255,
  multihop: false,
  bytes: encodeControl({ ...hello, ...change }),
  ...how,
});
const codes = (outputs: readonly BfdOutput[]) =>
  outputs.flatMap(output => (output.kind === 'discarded' ? [output.fault.code] : []));
const sent = (outputs: readonly BfdOutput[]) =>
  outputs.flatMap(output => {
    if (output.kind !== 'send') return [];
    const decoded = decodeControl(output.bytes);
    return decoded.ok ? [decoded.value] : [];
  });
const seed = fc.nat(0xffff_ffff);

describe('two ends of a link', () => {
  test('come Up and notice the other’s death within its detection time, whatever is lost before', () => {
    fc.assert(
      fc.property(
        seed,
        seed,
        fc.constantFrom(20, 50, 300, 1500),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.record({ lost: fc.boolean(), delay: fc.integer({ min: 0, max: 8 }) }), {
          minLength: 8,
          maxLength: 40,
        }),
        (left, right, interval, detectMultiplier, weather) => {
          let packets = 0;
          const link = new VirtualLink([left, right], () => {
            const fate = weather[packets++ % weather.length] ?? { lost: false, delay: 0 };
            return fate.lost ? undefined : fate.delay;
          });
          const session = { transmitInterval: interval, receiveInterval: interval, detectMultiplier };
          for (const end of link.ends) end.configure(session);
          link.run(5000);
          link.fate = () => 2;
          link.run(15_000);
          expect(link.ends.map(end => end.state())).toEqual(['Up', 'Up']);
          const before = link.ends[0].changes.length;
          link.kill(1);
          const died = link.now;
          link.run(detectMultiplier * interval + 5);
          const [change, ...more] = link.ends[0].changes.slice(before);
          expect(more).toEqual([]);
          expect(change).toMatchObject({ state: 'down', diagnostic: 1 });
          expect((change?.at ?? 0) - died).toBeLessThanOrEqual(detectMultiplier * interval + 2);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('stay Up through any changes of pace on a link that only delays', () => {
    const pace = fc.record({
      transmitInterval: fc.constantFrom(20, 50, 200, 1200),
      receiveInterval: fc.constantFrom(20, 50, 200, 1200),
      detectMultiplier: fc.integer({ min: 2, max: 5 }),
    });
    const change = fc.record({ end: fc.constantFrom(0 as const, 1 as const), pace, wait: fc.nat(1500) });
    fc.assert(
      fc.property(seed, seed, fc.array(change, { maxLength: 12 }), (left, right, changes) => {
        let delay = 0;
        const link = new VirtualLink([left, right], () => (delay = (delay + 1) % 5));
        for (const end of link.ends) end.configure(FAST);
        link.run(4000);
        for (const { end, pace: next, wait } of changes) {
          link.ends[end].configure(next);
          link.run(wait);
        }
        link.run(6000);
        for (const end of link.ends) {
          expect(end.changes.map(({ state }) => state)).toEqual(['up']);
          expect(end.bfd.sessions()[0]).toMatchObject({ state: 'Up', polling: false });
        }
      }),
      { numRuns: 40 },
    );
  });

  test('send between three quarters of the interval and all of it', () => {
    const link = new VirtualLink([1, 2], () => 1);
    const times: number[] = [];
    for (const end of link.ends) end.configure(FAST);
    link.run(5000);
    link.fate = from => {
      if (from === 0) times.push(link.now);
      return 1;
    };
    link.run(5000);
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(37.5);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(50.001);
    expect(new Set(gaps).size).toBeGreaterThan(50);
  });

  test('a removed session says AdminDown, which the other end takes for no failure', () => {
    const link = new VirtualLink([1, 2], () => 1);
    for (const end of link.ends) end.configure(FAST);
    link.run(5000);
    link.ends[1].remove();
    link.run(60_000);
    expect(link.ends[1].bfd.sessions()).toEqual([]);
    expect(link.ends[1].changes.map(({ state }) => state)).toEqual(['up']);
    expect(link.ends[0].changes.map(({ state, inWords }) => [state, inWords])).toEqual([
      ['up', expect.stringContaining('10.0.0.2 answers')],
      ['adminDown', expect.stringContaining('10.0.0.2 turned BFD off')],
    ]);
    link.ends[1].configure(FAST);
    link.run(5000);
    expect(link.ends[0].changes.at(-1)).toMatchObject({ state: 'up' });
  });

  test('an end that loses only what it receives tells the other why it went down', () => {
    const link = new VirtualLink([1, 2], () => 1);
    for (const end of link.ends) end.configure(FAST);
    link.run(5000);
    link.fate = from => (from === 0 ? undefined : 1);
    link.run(300);
    expect(link.ends[1].changes.at(-1)).toMatchObject({
      state: 'down',
      diagnostic: 1,
      inWords: '10.0.0.1 was silent for 150 ms (RFC 5880 §6.8.4)',
    });
    expect(link.ends[0].changes.at(-1)).toMatchObject({
      state: 'down',
      diagnostic: 3,
      inWords: '10.0.0.2 says that its session is down: it heard nothing for the detection time',
    });
  });

  test('a disabled session comes up when it is enabled', () => {
    const link = new VirtualLink([1, 2], () => 1);
    link.ends[0].configure(FAST);
    link.ends[1].configure({ ...FAST, enabled: false });
    link.run(5000);
    expect(link.ends.map(end => end.state())).toEqual(['Down', 'AdminDown']);
    link.ends[1].configure(FAST);
    link.run(5000);
    expect(link.ends.map(end => end.state())).toEqual(['Up', 'Up']);
  });
});

describe('a received packet', () => {
  const bfd = () => {
    const made = new Bfd({ seed: 1 });
    const outputs = made.setSession({ peer, ...FAST }, 0);
    const [first] = sent(outputs);
    return { made, discriminator: first?.myDiscriminator ?? 0 };
  };

  test.each([
    ['with TTL 254 is not from this link', arriving({}, { ttl: 254 }), 'wrongTtl'],
    ['from a stranger', arriving({}, { from: mustIp('10.0.0.9') }), 'unknownPeer'],
    ['on the port of other hops', arriving({}, { multihop: true }), 'unknownPeer'],
    ['with a discriminator that nobody has', arriving({ yourDiscriminator: 5 }), 'unknownDiscriminator'],
    ['of nonsense', arriving({}, { bytes: new Uint8Array(24) }), 'badVersion'],
  ] as const)('%s is discarded', (_name, input, code) => {
    expect(codes(bfd().made.handle(input, 1))).toEqual([code]);
  });

  test('that is authenticated is discarded, since no session is (§6.8.6)', () => {
    const bytes = new Uint8Array([...encodeControl(hello), 1, 2]);
    bytes[1] = (bytes[1] ?? 0) | 0x04;
    bytes[3] = 26;
    expect(codes(bfd().made.handle(arriving({}, { bytes }), 1))).toEqual(['authenticated']);
  });

  test('with our discriminator finds its session from any address of the peer, but not by another port', () => {
    const { made, discriminator } = bfd();
    made.handle(arriving(), 1);
    const init = { state: 'Init', yourDiscriminator: discriminator } as const;
    expect(codes(made.handle(arriving(init, { multihop: true }), 2))).toEqual(['wrongPath']);
    made.handle(arriving(init, { from: mustIp('10.0.0.7') }), 3);
    expect(made.sessions()[0]).toMatchObject({ state: 'Up', remoteDiscriminator: 77 });
  });

  test('with a Poll is answered at once, and our own packets are not late because of it', () => {
    const { made, discriminator } = bfd();
    made.handle(arriving(), 0);
    const init = { state: 'Init', yourDiscriminator: discriminator } as const;
    expect(sent(made.handle(arriving(init), 0))).toMatchObject([{ state: 'Up', poll: true, final: false }]);
    const asked = made.handle(arriving({ ...init, state: 'Up', poll: true }), 35);
    expect(sent(asked)).toMatchObject([{ poll: false, final: true }]);
    const due = made.handle({ kind: 'timer', id: 'transmit/10.0.0.2' }, 51);
    expect(sent(due)).toMatchObject([{ poll: true, final: false }]);
  });

  test('of a link-local peer belongs to the session of its interface', () => {
    const made = new Bfd({ seed: 1 });
    const linkLocal = mustIp('fe80::2');
    for (const link of ['eth0', 'eth1']) made.setSession({ peer: linkLocal, interface: link }, 0);
    made.handle(arriving({}, { from: linkLocal, interface: 'eth1' }), 1);
    expect(made.sessions().map(({ id, state }) => [id, state])).toEqual([
      ['fe80::2%eth0', 'Down'],
      ['fe80::2%eth1', 'Init'],
    ]);
    expect(codes(made.handle(arriving({}, { from: linkLocal, interface: 'eth2' }), 2))).toEqual([
      'unknownPeer',
    ]);
  });

  test('from several hops away must have at least the TTL that was asked for (RFC 5883 §5)', () => {
    const made = new Bfd({ seed: 1 });
    made.setSession({ peer, multihop: true, minimumTtl: 250 }, 0);
    expect(codes(made.handle(arriving({}, { multihop: true, ttl: 249 }), 1))).toEqual(['wrongTtl']);
    expect(codes(made.handle(arriving({}, { multihop: true, ttl: 250 }), 1))).toEqual([]);
  });

  test('of any octets, with any circumstances, breaks nothing', () => {
    const tweak = fc.record({ at: fc.nat(23), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.array(tweak, { maxLength: 4 }), fc.uint8Array({ maxLength: 30 })), {
          maxLength: 30,
        }),
        inputs => {
          const { made, discriminator } = bfd();
          inputs.forEach((input, i) => {
            const bytes = encodeControl({ ...hello, yourDiscriminator: discriminator });
            if (!(input instanceof Uint8Array)) for (const { at, value } of input) bytes[at] = value;
            const outputs = made.handle(
              arriving({}, { bytes: input instanceof Uint8Array ? input : bytes }),
              i * 10,
            );
            for (const packet of sent(outputs)) expect(packet.poll && packet.final).toBe(false);
          });
          expect(made.sessions()).toHaveLength(1);
        },
      ),
    );
  });
});

describe('a set of sessions', () => {
  test('says nothing about a session that never was Up', () => {
    const made = new Bfd({ seed: 1 });
    const outputs = [
      ...made.setSession({ peer, ...FAST }, 0),
      ...made.handle(arriving(), 1),
      ...made.handle({ kind: 'timer', id: 'detect/10.0.0.2' }, 60_000),
    ];
    expect(outputs.filter(({ kind }) => kind === 'stateChanged')).toEqual([]);
  });

  test('does nothing when the same session is asked for again', () => {
    const made = new Bfd({ seed: 1 });
    made.setSession({ peer, ...FAST }, 0);
    expect(made.setSession({ peer, ...FAST }, 1)).toEqual([]);
  });

  test('gives each session a discriminator of its own that is not 0', () => {
    const made = new Bfd({ seed: 3 });
    for (let i = 1; i <= 200; i++) made.setSession({ peer: mustIp(`10.1.0.${i}`) }, 0);
    const discriminators = new Set(made.sessions().map(({ localDiscriminator }) => localDiscriminator));
    expect(discriminators.size).toBe(200);
    expect(discriminators.has(0)).toBe(false);
  });

  test('keeps its fields within what the wire can hold', () => {
    const made = new Bfd({ seed: 1 });
    const wild = { peer, transmitInterval: 1e9, receiveInterval: -5, detectMultiplier: 1000 };
    expect(sent(made.setSession(wild, 0))).toMatchObject([
      { desiredMinTx: 0xffff_ffff, requiredMinRx: 1, detectMultiplier: 255 },
    ]);
  });
});
