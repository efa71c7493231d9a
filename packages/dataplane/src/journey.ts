import type { Verdict } from './ir/action.ts';
import type { Packet } from './ir/packet.ts';
import type { HookName, Ruleset, TableName } from './ir/ruleset.ts';
import type { SetLookup } from './ir/set-lookup.ts';
import { evaluate } from './evaluate.ts';

/** What a packet does on a node. */
export type Course = 'in' | 'out' | 'through';

const HOOKS: Readonly<Record<Course, readonly HookName[]>> = {
  in: ['PREROUTING', 'INPUT'],
  out: ['OUTPUT', 'POSTROUTING'],
  through: ['PREROUTING', 'FORWARD', 'POSTROUTING'],
};

/** Tables in which a hook asks us, by priority; where destinations are translated stands `nat`. */
const TABLES: Readonly<Partial<Record<HookName, readonly TableName[]>>> = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  OUTPUT: ['raw', 'nat', 'filter'],
};

/** Where a packet's way over a node ended. */
export interface Arrival {
  readonly passes: boolean;
  /** The verdict of the last hook that decided. */
  readonly verdict: Verdict;
  /** Whether it was taken out of connection tracking. */
  readonly untracked: boolean;
}

/**
 * Takes a packet through all hooks of a node, with what a table leaves on it for the next: its mark, and whether it is
 * tracked.
 *
 * @param before the packet before this node translated its destination; the same when it did not.
 */
export function journey(
  ruleset: Ruleset,
  sets: SetLookup,
  course: Course,
  packet: Packet,
  before: Packet = packet,
): Arrival {
  let now: Packet = { ...before, translated: false };
  let verdict: Verdict = 'return';
  let untracked = false;
  for (const hook of HOOKS[course]) {
    for (const table of TABLES[hook] ?? (hook === 'POSTROUTING' ? ['mangle'] : ['filter'])) {
      if (table === 'nat') {
        const { mark, ctState } = now;
        now = { ...packet, mark, ctState, translated: before !== packet };
        continue;
      }
      const { trace, mark, ...done } = evaluate(ruleset, sets, seenIn(hook, now), hook, table as TableName);
      if (done.verdict !== 'return') verdict = done.verdict;
      if (done.verdict === 'drop') return { passes: false, verdict, untracked };
      if (trace.some(({ rule }) => rule.action.kind === 'notrack')) untracked = true;
      now = { ...now, mark, ...(untracked && { ctState: 'UNTRACKED' as const }) };
    }
  }
  return { passes: true, verdict, untracked };
}

/** A hook knows of the interfaces only what is known at its time. */
function seenIn(hook: HookName, packet: Packet): Packet {
  const { in: into, out, ...rest } = packet;
  const knowsIn = hook === 'PREROUTING' || hook === 'INPUT' || hook === 'FORWARD';
  const knowsOut = hook === 'FORWARD' || hook === 'OUTPUT' || hook === 'POSTROUTING';
  return {
    ...rest,
    ...(knowsIn && into !== undefined && { in: into }),
    ...(knowsOut && out !== undefined && { out }),
  };
}
