import { type Family, fail, type Result } from '@muslin/net';
import { type CommandFault, runCommand } from '../command.ts';
import type { Namespace } from '../netns/namespace.ts';
import type { SystemFault } from '../system-calls.ts';
import { commitFault, type RestoreFault, restoreFault } from './restore-fault.ts';

/** Which of iptables' two kernels interfaces is used. */
export type Backend = 'legacy' | 'nft';

/** The tables of iptables. */
export type IptablesTable = 'filter' | 'nat' | 'mangle' | 'raw' | 'security';

export type IptablesFault = RestoreFault | CommandFault | SystemFault;

/** One back end of one family, in one network namespace. */
export interface IptablesDriver {
  readonly family: Family;
  readonly backend: Backend;
  /** The table in the format of iptables-save(8). */
  read(table: IptablesTable): Promise<Result<string, IptablesFault>>;
  /** All tables that there are, in the same format; makes none. */
  readAll(): Promise<Result<string, IptablesFault>>;
  /**
   * Applies text in the format of iptables-restore(8) without flushing what it does not name. Each table is one
   * transaction, applied at its COMMIT; when one fails, the tables before it are in and it and the rest are not.
   */
  restore(input: string): Promise<Result<void, IptablesFault>>;
  /** Whether a process that the driver keeps running has this id. */
  runs(pid: number): boolean;
  /** Ends what the driver keeps running. */
  close(): Promise<void>;
}

export interface IptablesOptions {
  readonly family: Family;
  readonly backend: Backend;
  /** Absent: the namespace of the calling thread. */
  readonly namespace?: Namespace | undefined;
  /** How long one restore or save may take; default 30 s. */
  readonly timeoutMs?: number;
}

/** Seconds that the legacy back end waits for the lock that all iptables processes share. */
export const LOCK_SECONDS = 10;

/** `iptables-nft-restore`, `ip6tables-legacy-save`, … */
export function iptablesProgram(options: IptablesOptions, verb: 'save' | 'restore'): string {
  return `${options.family === 4 ? 'iptables' : 'ip6tables'}-${options.backend}-${verb}`;
}

/** Reads a table by `iptables-save -t`, or all that there are. */
export function saveTable(
  options: IptablesOptions,
  table?: IptablesTable,
): Promise<Result<string, IptablesFault>> {
  const { namespace, timeoutMs } = options;
  return runCommand(iptablesProgram(options, 'save'), table === undefined ? [] : ['-t', table], {
    namespace,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/** A driver that starts one process for each restore: simple, 3 to 20 ms each. */
export function spawningIptablesDriver(options: IptablesOptions): IptablesDriver {
  const { family, backend, namespace, timeoutMs } = options;
  return {
    family,
    backend,
    read: table => saveTable(options, table),
    readAll: () => saveTable(options),
    async restore(input) {
      const open = commitFault(input);
      if (open !== undefined) return fail(open);
      const ran = await runCommand(
        iptablesProgram(options, 'restore'),
        ['--noflush', `--wait=${LOCK_SECONDS}`],
        { input, namespace, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
      );
      if (ran.ok) return { ok: true, value: undefined };
      return ran.fault.code === 'refused' && 'stderr' in ran.fault
        ? fail(restoreFault(input, ran.fault.stderr))
        : ran;
    },
    runs: () => false,
    close: () => Promise.resolve(),
  };
}
