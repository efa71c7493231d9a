import { differenceText, type Proof, Prover, readBack } from '@muslin/dataplane';
import type { Family } from '@muslin/net';
import type { Desired } from '../core/agent-core.ts';
import { familyState } from '../core/family-state.ts';
import type { Rendered } from './back-end.ts';

/** What happens to rules that could not be proved: not loaded, told of, or nobody looks. */
export type ProofMode = 'enforce' | 'warn' | 'off';

/** What looking at the rules of one round came to. */
export interface ProofReport {
  readonly outcome: Proof['outcome'] | 'unreadable' | 'off';
  /** What is wrong, for people; undefined when nothing is. */
  readonly message: string | undefined;
  /** Whether the rules must stay out of the kernel. */
  readonly refused: boolean;
  readonly ms: number;
}

/**
 * Proves that what a back end is about to be told means what the policies mean. Rules that mean something else, or that
 * can't be read, are refused; what a proof has no room for is loaded and told of, since refusing it would only leave
 * older rules in force.
 */
export class RuleProof {
  readonly #mode: ProofMode;
  readonly #provers = new Map<Family, Prover>();
  #last: ProofReport = { outcome: 'off', message: undefined, refused: false, ms: 0 };
  /** What the last report is about. */
  #of: { readonly desired: Desired; readonly rendered: Rendered } | undefined;

  constructor(mode: ProofMode) {
    this.#mode = mode;
  }

  /** The report of the latest round. */
  get last(): ProofReport {
    return this.#last;
  }

  /** Values are immutable: the same ones as the last time were proved the last time. */
  check(desired: Desired, rendered: () => Rendered): ProofReport {
    if (this.#mode === 'off') return this.#last;
    const begun = performance.now();
    const now = rendered();
    const before = this.#of?.desired;
    const same = before?.rulesets === desired.rulesets && before.state === desired.state;
    if (same && before.configs === desired.configs && this.#of?.rendered === now) return this.#last;
    const { outcome, message } = this.#look(desired, now);
    const wrong = outcome === 'different' || outcome === 'wrong-member' || outcome === 'unreadable';
    const refused = wrong && this.#mode === 'enforce';
    this.#last = { outcome, message, refused, ms: performance.now() - begun };
    this.#of = { desired, rendered: now };
    return this.#last;
  }

  #look(
    { state, configs }: Desired,
    { lowered, tables, nft }: Rendered,
  ): Pick<ProofReport, 'outcome' | 'message'> {
    let told: Pick<ProofReport, 'outcome' | 'message'> = { outcome: 'equal', message: undefined };
    for (const ruleset of lowered) {
      const { family } = ruleset;
      const config = configs.find(one => one.family === family);
      if (config === undefined) throw new Error(`rules of IPv${family} without a configuration`);
      const table = nft.find(one => one.family === family) ?? tables.filter(one => one.family === family);
      const read = readBack(ruleset, table);
      if (!read.ok)
        return {
          outcome: 'unreadable',
          message: `rule ${JSON.stringify(read.fault.rule)} of chain ${read.fault.chain}: ${read.fault.message}`,
        };
      const proof = this.#proverOf(family).prove(familyState(state, family), config, read.value);
      const message = proofText(proof, family);
      if (proof.outcome === 'different' || proof.outcome === 'wrong-member')
        return { outcome: proof.outcome, message };
      if (proof.outcome !== 'equal') told = { outcome: proof.outcome, message };
    }
    return told;
  }

  #proverOf(family: Family): Prover {
    let prover = this.#provers.get(family);
    if (prover === undefined) this.#provers.set(family, (prover = new Prover(family)));
    return prover;
  }
}

function proofText(proof: Proof, family: Family): string | undefined {
  switch (proof.outcome) {
    case 'equal':
      return undefined;
    case 'different':
      return differenceText(proof.difference);
    case 'wrong-member':
      return `set ${proof.fault.set}: member ${proof.fault.member} is ${proof.fault.fault}`;
    case 'too-large':
      return `the policies of IPv${family} are too many to be proved`;
    default:
      return proof satisfies never;
  }
}
