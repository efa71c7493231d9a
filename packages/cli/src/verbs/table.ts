import type { Verb } from '../verb.ts';
import { verdict } from './verdict.ts';
import { why } from './why.ts';

/** Every verb, in the order of `--help`. */
export const VERBS: readonly Verb[] = [why, verdict];
