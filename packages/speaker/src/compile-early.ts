import { setFlagsFromString } from 'node:v8';

/** After how many calls V8 makes machine code, quickly and then well, and how many of them must have brought nothing new. */
interface Patience {
  readonly quick: number;
  readonly good: number;
  readonly settled: number;
}

const OURS: Patience = { quick: 100, good: 150, settled: 50 };
/** V8's own numbers. */
const USUAL: Patience = { quick: 400, good: 3_000, settled: 500 };

/**
 * Has V8 make machine code of what ran a hundred times, until `compileAsUsual`. Its own numbers are for programs that do
 * what they do thousands of times a second: a speaker on a quiet node passes a route on now and then, and would interpret
 * most of what that takes for days.
 */
export function compileEarly(): void {
  setPatience(OURS);
}

/** See `compileEarly`. */
export function compileAsUsual(): void {
  setPatience(USUAL);
}

function setPatience({ quick, good, settled }: Patience): void {
  setFlagsFromString(`--invocation-count-for-maglev=${quick}`);
  setFlagsFromString(`--invocation-count-for-turbofan=${good}`);
  setFlagsFromString(`--minimum-invocations-after-ic-update=${settled}`);
}
