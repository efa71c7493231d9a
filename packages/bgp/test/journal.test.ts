import { formatPrefix, type Ip4, mustIp, mustPrefix } from '@muslin/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  callText,
  type JournalEntry,
  JournalReader,
  RecordedSpeaker,
  Replay,
  Speaker,
  type SpeakerOptions,
} from '../src/index.ts';
import { BytePeer, join } from './byte-peer.ts';
import { type Host, VirtualNet } from './virtual-net.ts';

/** The entries of some bytes, pushed in pieces; a fault is its message. */
function read(bytes: Uint8Array, piece = 4096): (JournalEntry | string)[] {
  const reader = new JournalReader();
  const found: (JournalEntry | string)[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(bytes.slice(at, at + piece));
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      found.push(next.ok ? next.value : next.fault.message);
      if (!next.ok) return found;
    }
  }
  return found;
}

const entriesOf = (bytes: Uint8Array) => read(bytes).filter(entry => typeof entry !== 'string');
const replayed = (entries: readonly JournalEntry[]) => {
  const replay = new Replay();
  return { results: entries.map(entry => replay.step(entry).result), replay };
};

/** A host whose speaker writes its journal. */
function recorded(
  net: VirtualNet,
  name: string,
  ip: string,
  asNumber: number,
): { host: Host; log: Uint8Array[] } {
  const options: SpeakerOptions = { asNumber, routerId: mustIp(ip) as Ip4, seed: asNumber };
  const host = net.add(name, ip, options);
  const log: Uint8Array[] = [];
  host.speaker = new RecordedSpeaker(options, entry => log.push(entry));
  return { host, log };
}

const step = fc.oneof(
  fc.record({ do: fc.constant('originate' as const), who: fc.nat(2), prefix: fc.nat(30), pref: fc.nat(200) }),
  fc.record({ do: fc.constant('withdraw' as const), who: fc.nat(2), prefix: fc.nat(30) }),
  fc.record({ do: fc.constant('sever' as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant('mend' as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant('filter' as const), who: fc.nat(2), accept: fc.boolean() }),
  fc.record({ do: fc.constant('remove' as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant('run' as const), who: fc.nat(2), ms: fc.nat(30_000) }),
);

describe('the journal', () => {
  test('of any life of a speaker replays it octet for octet: sessions, filters, losses and timers', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 40 }), (script, chunk) => {
        const net = new VirtualNet();
        net.chunk = chunk;
        const ends = [0, 1, 2].map(i => recorded(net, `h${i}`, `10.0.0.${i + 1}`, 65001 + i));
        const hosts = ends.map(({ host }) => host);
        const at = (i: number) => hosts[i % 3] as Host;
        const linkAll = () => {
          for (const a of hosts) for (const b of hosts) if (a !== b) net.point(a, b);
        };
        linkAll();
        net.run(2000);
        for (const one of script) {
          const [host, next] = [at(one.who), at(one.who + 1)];
          switch (one.do) {
            case 'originate':
              net.perform(
                host,
                host.speaker.originate(mustPrefix(`10.9.${one.prefix}.0/24`), { localPref: one.pref }),
              );
              break;
            case 'withdraw':
              net.perform(host, host.speaker.withdraw(mustPrefix(`10.9.${one.prefix}.0/24`)));
              break;
            case 'sever':
              net.sever(host, next);
              break;
            case 'mend':
              net.mend(host, next);
              break;
            case 'filter':
              net.point(host, next, {
                importPolicy: { rules: [], otherwise: one.accept ? 'accept' : 'reject' },
              });
              break;
            case 'remove':
              net.perform(host, host.speaker.removePeer(next.name, undefined, net.now));
              break;
            case 'run':
              net.run(one.ms);
              break;
          }
        }
        for (const { host, log } of ends) {
          const entries = entriesOf(join(...log));
          expect(entries).toHaveLength(log.length);
          const { results, replay } = replayed(entries);
          expect(results.filter(result => result !== 'same')).toEqual([]);
          expect(replay.speaker?.peers()).toEqual(host.speaker.peers());
          expect(replay.speaker?.routes('ipv4-unicast')).toEqual(host.speaker.routes('ipv4-unicast'));
        }
      }),
      { numRuns: 25 },
    );
  });

  /** A session that comes up and hears a route; the journal of it. */
  function life(): Uint8Array[] {
    const log: Uint8Array[] = [];
    const options = { asNumber: 65000, routerId: mustIp('10.0.0.1') as Ip4 };
    const peer = new BytePeer({}, {}, new RecordedSpeaker(options, entry => log.push(entry)));
    peer.establish().announce('192.0.2.0/24');
    return log;
  }

  test('finds the first call that has another outcome', () => {
    const entries = entriesOf(join(...life()));
    const last = entries.at(-1) as JournalEntry;
    if (last.call.call !== 'handle' || last.call.input.kind !== 'bytes') throw new Error('bytes come last');
    const other = last.call.input.bytes.slice();
    other[other.length - 1] = 3;
    const changed: JournalEntry = {
      ...last,
      call: { ...last.call, input: { ...last.call.input, bytes: other } },
    };
    expect(replayed([...entries.slice(0, -1), changed]).results.at(-1)).toBe('differs');
    expect(new Set(replayed(entries).results)).toEqual(new Set(['same']));
  });

  test('that lost its beginning is told from one that differs', () => {
    const entries = entriesOf(join(...life()));
    expect(replayed(entries.slice(2)).results).toEqual(entries.slice(2).map(() => 'skipped'));
    // The next life is whole again.
    expect(replayed([...entries.slice(2), ...entries]).results.at(-1)).toBe('same');
  });

  test('that a crash cut off, or that is none, is read as far as it goes, in whatever pieces', () => {
    const whole = join(...life());
    const count = life().length;
    fc.assert(
      fc.property(fc.nat(whole.length), fc.integer({ min: 1, max: 500 }), (cut, piece) => {
        const entries = read(whole.slice(0, cut), piece);
        expect(entries.length).toBeLessThanOrEqual(count);
        expect(entries.every(entry => typeof entry !== 'string')).toBe(true);
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(whole.length - 1),
        fc.nat(255),
        (noise, at, octet) => {
          expect(() => read(noise)).not.toThrow();
          const wrong = whole.slice();
          wrong[at] = octet;
          expect(() => read(wrong)).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
    expect(read(new Uint8Array(20))).toEqual(['these are no bytes of a journal']);
  });

  test('says each call on a line', () => {
    expect(entriesOf(join(...life())).map(({ call }) => callText(call))).toEqual([
      'a speaker begins: AS 65000, router ID 10.0.0.1',
      'peer probe is configured: AS 65001',
      'in-probe: 10.0.0.2 called 10.0.0.1',
      expect.stringMatching(/^in-probe: \d+ octets: OPEN$/),
      'in-probe: 19 octets: KEEPALIVE',
      expect.stringMatching(/^in-probe: \d+ octets: UPDATE$/),
    ]);
  });

  test('knows every method that changes a speaker', () => {
    const views = ['constructor', 'peerAt', 'peers', 'peer', 'routes', 'received', 'advertised', 'explain'];
    const changes = Object.getOwnPropertyNames(Speaker.prototype).filter(name => !views.includes(name));
    expect(Object.getOwnPropertyNames(RecordedSpeaker.prototype)).toEqual(expect.arrayContaining(changes));
    expect(changes).toContain('handle');
  });

  test('replays into a speaker that answers questions as the first one did', () => {
    const { replay } = replayed(entriesOf(join(...life())));
    const told = replay.speaker?.explain(mustPrefix('192.0.2.0/24')).winner;
    expect(told && formatPrefix(told.prefix)).toBe('192.0.2.0/24');
  });
});
