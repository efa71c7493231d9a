import { fail, ok, type Result } from '@muslin/net';
import {
  type IptablesDriver,
  type IptablesFault,
  type IptablesOptions,
  iptablesProgram,
  LOCK_SECONDS,
  saveTable,
  spawningIptablesDriver,
} from './iptables-driver.ts';
import { commitFault, restoreFault } from './restore-fault.ts';
import { type RestoreOutcome, RestoreProcess } from './restore-process.ts';

const TIMEOUT_MS = 30_000;
/** Verbose output and line numbers of one process stay small. */
const INPUTS_PER_PROCESS = 10_000;

/**
 * A driver that keeps one restore process and feeds it: about 1 ms for a small change with the nft back end,
 * where a new process needs 7 to 30, and nothing to fork from a large parent. After a refused input the next one
 * starts a new process. Restores run one after the other. Close it, since the process keeps its namespace alive. Without stdbuf(1) it starts a process for each.
 */
export function keptIptablesDriver(options: IptablesOptions): IptablesDriver {
  const { family, backend, namespace, timeoutMs = TIMEOUT_MS } = options;
  const spawning = spawningIptablesDriver(options);
  const program = iptablesProgram(options, 'restore');
  const args = ['--noflush', '--verbose', `--wait=${LOCK_SECONDS}`];
  let kept: RestoreProcess | undefined;
  let inputs = 0;
  let hasStdbuf = true;
  let last: Promise<unknown> = Promise.resolve();

  const feed = async (input: string): Promise<Result<RestoreOutcome, IptablesFault>> => {
    if (kept?.alive !== true || inputs >= INPUTS_PER_PROCESS) {
      await kept?.close();
      const started = RestoreProcess.start(program, args, namespace);
      if (!started.ok) return started;
      kept = started.value;
      inputs = 0;
    }
    inputs++;
    return ok(await kept.feed(input, timeoutMs));
  };

  const restore = async (input: string): Promise<Result<void, IptablesFault>> => {
    const open = commitFault(input);
    if (open !== undefined) return fail(open);
    if (!hasStdbuf) return spawning.restore(input);
    const fed = await feed(input);
    if (!fed.ok) return fed;
    const outcome = fed.value;
    switch (outcome.outcome) {
      case 'applied':
        return ok(undefined);
      case 'ended':
        return fail(restoreFault(input, outcome.stderr, outcome.linesBefore));
      case 'not-installed':
        hasStdbuf = false;
        return spawning.restore(input);
      case 'too-slow':
        return fail({
          code: 'too-slow',
          command: program,
          stderr: '',
          message: `${program} took longer than ${timeoutMs} ms and was killed: the last table may be applied or not`,
        });
    }
  };

  return {
    family,
    backend,
    read: table => saveTable(options, table),
    readAll: () => saveTable(options),
    restore(input) {
      const next = last.then(() => restore(input));
      last = next;
      return next;
    },
    runs: pid => kept?.pid === pid,
    async close() {
      await last;
      await kept?.close();
      kept = undefined;
    },
  };
}
