import { execFileSync } from 'node:child_process';
import type { NodeState, Snapshot } from '@muslin/api';
import { IPTABLES_LIMITS, lower, NFT_LIMITS, type Ruleset } from '@muslin/dataplane';
import { openNamespace } from '@muslin/linux';
import type { Family } from '@muslin/net';
import { Judge } from '@muslin/policy';
import { until } from '../../packages/lab/src/until.ts';
import type { Dice } from './dice.ts';
import { FrameSender, type Stage, STAGES, seenIn, WATCH } from './packet-watch.ts';
import type { Disagreement } from './proof.ts';
import { type Shot, ShotDice, showShot } from './random-shot.ts';
import { fateOf, isHonest, isPlain, isTunnel, leakOf } from './shot-law.ts';
import type { Place } from './witnesses.ts';

/** What a volley met. */
export interface Volley {
  readonly disagreements: readonly Disagreement[];
  readonly passed: number;
  readonly dropped: number;
  /** With an address that is not the sender's. */
  readonly forged: number;
  /** Of those that passed, taken out of tracking. */
  readonly untracked: number;
}

const PATIENCE_MS = 5_000;
const FORMS: readonly (readonly [name: string, make: (rules: Ruleset) => Ruleset])[] = [
  ['compiled', rules => rules],
  ['lowered for iptables', rules => lower(rules, IPTABLES_LIMITS)],
  ['lowered for nft', rules => lower(rules, NFT_LIMITS)],
];

/** Sends packets that no socket would send, and watches on the node how far they come. */
export class Shots {
  readonly #node: string;
  readonly #places: Readonly<Record<Family, readonly Place[]>>;
  readonly #dice: ShotDice;
  readonly #senders: ReadonlyMap<string, FrameSender>;

  /** @param macOf of the node's end of a place's link. Throws when the kernel refuses. */
  constructor(
    node: string,
    places: Readonly<Record<Family, readonly Place[]>>,
    dice: Dice,
    macOf: (place: Place) => string,
  ) {
    this.#node = node;
    this.#places = places;
    this.#dice = new ShotDice(dice, places);
    const ends = places[4].filter(place => place.node === undefined);
    this.#senders = new Map(
      ends.map(place => {
        const namespace = openNamespace(place.netns);
        if (!namespace.ok) throw new Error(namespace.fault.message);
        using open = namespace.value;
        return [place.netns, new FrameSender(place.netns, open, macOf(place))];
      }),
    );
  }

  close(): void {
    for (const sender of this.#senders.values()) sender.close();
  }

  /** So many packets, the rules being these: of each family, with the state that they are of. */
  async fire(
    count: number,
    rulesets: readonly Ruleset[],
    state: NodeState,
    snapshot: Snapshot,
  ): Promise<Volley> {
    this.#dice.restart();
    this.#nft(['-f', '-'], WATCH);
    const exchanges = Array.from({ length: Math.ceil(count / 10) }, () => this.#dice.exchange());
    const shots = [
      ...exchanges.flatMap(({ honest, forged }) => [...honest, ...forged]),
      ...Array.from({ length: count }, () => this.#dice.any()),
    ];
    const places = [...this.#places[4], ...this.#places[6]];
    const forms = FORMS.map(
      ([name, make]) => [name, new Map(rulesets.map(r => [r.family, make(r)]))] as const,
    );
    const judge = new Judge(snapshot);
    const plans = [...(state.hosts?.plans.values() ?? [])];
    // Where answers may be untracked it says whether they come back, too.
    const isSimple = plans.every(
      ({ untracked: { ingress, egress } }) => ingress.length + egress.length === 0,
    );
    const asked = shots.map(shot => {
      const fates = forms.map(([name, byFamily]) => {
        const rules = byFamily.get(shot.packet.src.family);
        if (rules === undefined) throw new Error('no rules of the family');
        return [name, fateOf(shot, places, rules, state)] as const;
      });
      const untracked = fates.some(([, fate]) => fate.untracked);
      const said = Object.fromEntries([
        ...fates.map(([name, { passes }]) => [name, passes ? 'passes' : 'dropped'] as const),
        ...(isPlain(shot, places) && isHonest(shot) && !isTunnel(shot) && isSimple
          ? [['muslinctl why', judged(judge, shot)] as const]
          : []),
      ]);
      return { shot, said, untracked, passes: Object.values(said).every(fate => fate === 'passes') };
    });
    for (const { from, packet } of shots) this.#senders.get(from.netns)?.send(packet);
    const due = asked.filter(({ shot, passes }) => passes && isPlain(shot, places));
    const arrived = (seen: ReturnType<typeof seenIn>, { packet }: Shot) =>
      seen.delivered.has(packet.id) || seen.forwarded.has(packet.id);
    const watched = await until(
      async () => seenIn(this.#nft(['-j', 'list', 'table', 'inet', 'watch'])),
      seen => due.every(({ shot }) => arrived(seen, shot)),
      PATIENCE_MS,
    );
    const seen = watched.held ? watched.value : watched.last;
    const disagreements: Disagreement[] = [];
    for (const { shot, said, passes } of asked) {
      const where = STAGES.filter(stage => seen[stage].has(shot.packet.id));
      const onTheWire = where.at(-1) ?? 'nowhere';
      const tell = (more: Readonly<Record<string, string>>) =>
        disagreements.push({ way: showShot(shot), onTheWire, said: { ...said, ...more } });
      const leaks = where.map((stage: Stage) => leakOf(shot, stage)).filter(leak => leak !== undefined);
      if (leaks.length > 0) tell({ law: leaks.join(', ') });
      else if (shot.ctState !== undefined && arrived(seen, shot) && !passes) tell({});
      else if (passes && isPlain(shot, places) && !arrived(seen, shot)) tell({});
      else if (isPlain(shot, places) && new Set(Object.values(said)).size > 1) tell({});
    }
    const passed = shots.filter(shot => arrived(seen, shot)).length;
    const forged = shots.filter(
      ({ from, packet }) => from.pod && leakOf({ from, packet, ctState: undefined }, 'tracked'),
    ).length;
    const untracked = asked.filter(one => one.untracked && arrived(seen, one.shot)).length;
    return { disagreements, passed, dropped: shots.length - passed, forged, untracked };
  }

  #nft(words: readonly string[], input = ''): string {
    return execFileSync('ip', ['netns', 'exec', this.#node, 'nft', ...words], {
      input,
      encoding: 'utf8',
      timeout: 20_000,
    });
  }
}

function judged(judge: Judge, { from, packet }: Shot): 'passes' | 'dropped' {
  const { src, dst, protocol, sport, dport, icmp } = packet;
  const ported = protocol === 6 || protocol === 17 || protocol === 132;
  const answer = judge.verdict({
    from: from.pod === undefined ? { ip: src } : { endpoint: `pod/${from.pod.namespace}/${from.pod.name}` },
    to: { ip: dst },
    family: src.family,
    protocol,
    ...(ported && { port: dport, sourcePort: sport }),
    ...((protocol === 1 || protocol === 58) && { icmp }),
  });
  if (!answer.ok) throw new Error(answer.fault.message);
  return answer.value.answer === 'allow' ? 'passes' : 'dropped';
}
