/**
 * `muslinctl`, also `kubectl muslin`: one table of verbs, and what runs a command line against it.
 *
 * @packageDocumentation
 */
export type { Context } from './context.ts';
export { run } from './program.ts';
export type { ExitCode, Input, Verb, VerbOption } from './verb.ts';
export { VERBS } from './verbs/table.ts';
