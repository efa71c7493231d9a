/**
 * Every resource that people write, and the normalised forms that all other rooms think in.
 *
 * @packageDocumentation
 */
export * from './model/change.ts';
export type * from './model/node-state.ts';
export type * from './model/policy.ts';
export * from './model/selector.ts';
export type * from './model/snapshot.ts';
