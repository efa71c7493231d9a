import { stepOf, type Verdict } from './ir/action.ts';
import { evaluateMatch } from './ir/match.ts';
import type { Packet } from './ir/packet.ts';
import type { HookName, Rule, Ruleset, TableName } from './ir/ruleset.ts';
import type { SetLookup } from './ir/set-lookup.ts';

/** A rule that matched: where it stands, and what it is. */
export interface TraceStep {
  readonly chain: string;
  readonly index: number;
  readonly rule: Rule;
}

/** What becomes of a packet, and why. */
export interface Evaluation {
  /** `return`: none of our rules decided; others' rules go on. */
  readonly verdict: Verdict;
  /** Every rule that matched, in order; the last one decided. */
  readonly trace: readonly TraceStep[];
  /** The mark after the traversal. */
  readonly mark: number;
  /** Prefixes of the log rules that matched. */
  readonly logged: readonly string[];
}

/** More steps than any acyclic ruleset takes: two million rules. */
const STEP_LIMIT = 2_000_000;

/**
 * Walks a packet through our chains of one hook as the kernel would (iptables(8), "TARGETS"): `jump` comes back,
 * `goto` does not, the end of a chain returns.
 */
export function evaluate(
  ruleset: Ruleset,
  sets: SetLookup,
  packet: Packet,
  hook: HookName,
  table: TableName = 'filter',
): Evaluation {
  const rules = ruleset.tables.get(table);
  const trace: TraceStep[] = [];
  const logged: string[] = [];
  let current = packet;
  const done = (verdict: Verdict): Evaluation => ({ verdict, trace, mark: current.mark, logged });
  const start = rules?.hooks.get(hook);
  if (rules === undefined || start === undefined) return done('return');
  const chainOf = (name: string) => {
    const chain = rules.chains.get(name);
    if (chain === undefined) throw new Error(`chain ${name} is referred to but not defined`);
    return chain;
  };
  const stack: { chain: ReturnType<typeof chainOf>; index: number }[] = [{ chain: chainOf(start), index: 0 }];
  for (let steps = 0; steps < STEP_LIMIT; steps++) {
    const frame = stack.at(-1);
    if (frame === undefined) return done('return');
    const rule = frame.chain.rules[frame.index];
    if (rule === undefined) {
      stack.pop();
      continue;
    }
    const index = frame.index++;
    if (!rule.matches.every(match => evaluateMatch(match, current, sets))) continue;
    trace.push({ chain: frame.chain.name, index, rule });
    const step = stepOf(rule.action, current);
    switch (step.to) {
      case 'next':
        if (step.mark !== undefined) current = { ...current, mark: step.mark(current.mark) };
        if (step.logged !== undefined) logged.push(step.logged);
        break;
      case 'verdict':
        return done(step.verdict);
      case 'return':
        stack.pop();
        break;
      case 'chain':
        if (!step.comesBack) stack.pop();
        stack.push({ chain: chainOf(step.chain), index: 0 });
        break;
      default:
        step satisfies never;
    }
  }
  throw new Error(`the chains of ${hook} run in a circle`);
}
