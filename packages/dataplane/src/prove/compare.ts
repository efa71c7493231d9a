import type { NodeConfig } from '../compile/config.ts';
import { marksOf } from '../compile/config.ts';
import { type SamplePacket, sampleOf } from './counterexample.ts';
import { ALL, type Node, NONE } from './diagram.ts';
import { type Atom, type Space, UNTRACKED_BIT } from './space.ts';

/** What becomes of packets, by the rules of a hook or by what was meant. */
export interface Course {
  readonly accept: Node;
  readonly drop: Node;
  readonly back: Node;
  /** By what they are translated to; absent: none are. */
  readonly translated?: ReadonlyMap<string, Node>;
  /** Of those that go back: where a bit of the mark is set, and `UNTRACKED_BIT`. An absent bit is as it was. */
  readonly marks?: ReadonlyMap<number, Node>;
}

/** `accept`, `drop`, `back` (left to others), a translation in words, or what else was done to one that goes back. */
export type Fate = string;

/** A packet that two courses treat differently. */
export interface Unequal {
  readonly packet: SamplePacket;
  readonly meant: Fate;
  readonly rules: Fate;
}

/** What is left alone. */
export const UNTOUCHED: Course = { accept: NONE, drop: NONE, back: ALL };

const ENDS = ['drop', 'accept', 'back'] as const;
const UNTRANSLATED: ReadonlyMap<string, Node> = new Map();
const UNMARKED: ReadonlyMap<number, Node> = new Map();

/** Equal texts: the same course. */
export function courseKey({ translated = UNTRANSLATED, marks = UNMARKED, ...ends }: Course): string {
  return `${ENDS.map(end => ends[end]).join()} ${[...translated].flat().join()} ${[...marks].flat().join()}`;
}

/** One thing that may be done to packets: those that it should be done to, and those that it is done to. */
interface Aspect {
  readonly name: Fate;
  readonly meant: Node;
  readonly done: Node;
}

/**
 * Compares two courses for the packets that matter (`care`): what had to be known of sets to see that they are equal, or a
 * packet for which they are not. Of the mark the bit that tables tell each other counts, and every bit that is not ours.
 */
export function compareCourses(
  meant: Course,
  done: Course,
  care: Node,
  space: Space,
  config: NodeConfig,
  never: (atom: Atom) => boolean,
): { readonly used: readonly Atom[] } | Unequal {
  const { diagram } = space;
  const used: Atom[] = [];
  const aspects = [...aspectsOf(meant, done, space, config)];
  for (const aspect of aspects) {
    let wrong = diagram.and(care, diagram.differ(aspect.meant, aspect.done));
    if (wrong === NONE) continue;
    const support = diagram.support(wrong);
    const empty = [...space.atoms].filter(({ level, atom }) => support.has(level) && never(atom));
    const levels = empty.map(({ level }) => level).toSorted((x, y) => y - x);
    const possible = levels.reduce<Node>((rest, level) => diagram.make(level, rest, NONE), ALL);
    wrong = diagram.and(wrong, possible);
    used.push(...empty.map(({ atom }) => atom));
    if (wrong === NONE) continue;
    const { packet, bit } = sampleOf(wrong, space);
    const fateOf = (side: 'meant' | 'done') => {
      const fates = aspects.filter(one => diagram.holds(one[side], bit)).map(one => one.name);
      return fates.join(' and ') || `not ${aspect.name}`;
    };
    return { packet, meant: fateOf('meant'), rules: fateOf('done') };
  }
  return { used };
}

function* aspectsOf(meant: Course, done: Course, space: Space, config: NodeConfig): Generator<Aspect> {
  const { diagram } = space;
  for (const name of ENDS) yield { name, meant: meant[name], done: done[name] };
  const [to, by] = [meant.translated ?? UNTRANSLATED, done.translated ?? UNTRANSLATED];
  for (const name of new Set([...to.keys(), ...by.keys()]))
    yield { name, meant: to.get(name) ?? NONE, done: by.get(name) ?? NONE };
  const [should, does] = [meant.marks ?? UNMARKED, done.marks ?? UNMARKED];
  const accepted = acceptedBit(config);
  for (const bit of new Set([...should.keys(), ...does.keys()])) {
    const own = bit < UNTRACKED_BIT && (config.markMask >>> bit) & 1;
    if (own && bit !== accepted) continue;
    const was = space.markBit(bit);
    const name =
      bit === UNTRACKED_BIT ? 'untracked' : bit === accepted ? 'allowed early' : `with mark bit ${bit}`;
    yield {
      name,
      meant: diagram.and(meant.back, should.get(bit) ?? was),
      done: diagram.and(done.back, does.get(bit) ?? was),
    };
  }
}

/** The bit of the mark that says to later tables that a host policy allowed the packet. */
export function acceptedBit({ markMask }: NodeConfig): number {
  return 31 - Math.clz32(marksOf(markMask).accepted);
}
