import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setPriority } from 'node:os';

/** How the kernel treats the thread, best first. */
export type Urgency = 'real time' | 'preferred' | 'ordinary';

/** The lowest real-time priority is above everything that is not real time (sched(7)). */
const REAL_TIME = '1';
const NICE = -15;
const PATIENCE_MS = 5000;

/**
 * Lets the calling thread, and it alone, run before what is merely busy. A nice value counts only within the control
 * group, so on a busy node it may wait for hundreds of milliseconds; hence real time (SCHED_RR) where chrt(1) and
 * CAP_SYS_NICE are there.
 */
export function hurry(): Urgency {
  const thread = basename(readlinkSync('/proc/thread-self'));
  const { status } = spawnSync('chrt', ['--rr', '--reset-on-fork', '--pid', REAL_TIME, thread], {
    stdio: 'ignore',
    timeout: PATIENCE_MS,
  });
  if (status === 0) return 'real time';
  try {
    // Linux gives each thread a nice value of its own; 0 is the calling one (setpriority(2)).
    setPriority(0, NICE);
    return 'preferred';
  } catch {
    return 'ordinary';
  }
}
