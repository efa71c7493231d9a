import { fail, type Result } from '@muslin/net';
import type { Effect, Input } from './effect.ts';
import type { IpamFault } from './fault.ts';

/** A piece of work written from top to bottom: it yields an effect and is given what came of it. */
export type Program<T> = Generator<Effect, T, Input>;

/**
 * Where a machine is: the answers it was given so far. A value, so it can be kept, compared and stepped twice with
 * different answers.
 */
export interface MachineState {
  readonly journal: readonly Input[];
}

/** One step: the next effect, or the outcome. */
export type Step<T> = {
  readonly state: MachineState;
  readonly effect: Effect | { readonly type: 'done'; readonly outcome: Result<T, IpamFault> };
};

/** A resumable machine: `begin`, then `step` with what came of each effect, until the effect is `done`. */
export interface Machine<T> {
  begin(): Step<T>;
  step(state: MachineState, input: Input): Step<T>;
}

/**
 * Makes a machine of a program. The program must be a function of its inputs alone: a state that is stepped a second
 * time is reached again by replaying its journal. In the usual case of a state stepped once, the running program is
 * still at hand and nothing is replayed.
 */
export function machine<T>(start: () => Program<Result<T, IpamFault>>): Machine<T> {
  const running = new WeakMap<MachineState, Program<Result<T, IpamFault>>>();
  const settle = (
    state: MachineState,
    program: Program<Result<T, IpamFault>>,
    next: IteratorResult<Effect, Result<T, IpamFault>>,
  ): Step<T> => {
    if (next.done === true) return { state, effect: { type: 'done', outcome: next.value } };
    running.set(state, program);
    return { state, effect: next.value };
  };
  return {
    begin: () => {
      const program = start();
      return settle({ journal: [] }, program, program.next());
    },
    step: (before, input) => {
      const state = { journal: [...before.journal, input] };
      const failed = (input.type === 'all' ? input.answers : [input]).find(
        answer => answer.type === 'failed',
      );
      if (failed !== undefined)
        return { state, effect: { type: 'done', outcome: fail(storeFault(failed.message)) } };
      const program = running.get(before) ?? replay(start(), before.journal);
      running.delete(before);
      return settle(state, program, program.next(input));
    },
  };
}

/** Runs a machine to its end over something that performs effects. */
export async function drive<T>(
  work: Machine<T>,
  perform: (effect: Effect) => Promise<Input>,
): Promise<Result<T, IpamFault>> {
  let step = work.begin();
  while (step.effect.type !== 'done') step = work.step(step.state, await perform(step.effect));
  return step.effect.outcome;
}

function replay<T>(program: Program<T>, journal: readonly Input[]): Program<T> {
  program.next();
  for (const input of journal) program.next(input);
  return program;
}

function storeFault(message: string): IpamFault {
  return { code: 'store', tried: [], message: `the API server did not take part: ${message}` };
}
