import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DEVICES, folderOf, OUR_BUNDLE } from './device.ts';
import { DEVICE_NS, HARNESS_NS, removeLinks } from './links.ts';

/** Who runs the bench: its pid and when it started, since pids come again. */
const OWNER = '/run/msl-bench-bgp.owner';
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Makes this process the one that runs the bench: removes what a run left that was killed, and sees to it that this one
 * leaves nothing when it is told to stop. Throws while another run goes on.
 */
export function claim(): void {
  const [pid = '', started] = read(OWNER).split(' ');
  if (started !== undefined && started === startOf(pid))
    throw new Error(`the bench is running already, as process ${pid}: two would measure each other`);
  sweep();
  writeFileSync(OWNER, `${process.pid} ${startOf(String(process.pid))}`);
  for (const [name, number] of Object.entries(SIGNALS))
    process.once(name, () => {
      sweep();
      process.exit(128 + number);
    });
}

/** Ends what runs in the bench's namespaces, and removes them with all its files. */
export function sweep(): void {
  for (const namespace of [DEVICE_NS, HARNESS_NS])
    for (const pid of spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).stdout.split(
      '\n',
    )) {
      if (pid === '') continue;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
  removeLinks();
  for (const { name } of DEVICES) rmSync(folderOf(name), { recursive: true, force: true });
  for (const file of [OUR_BUNDLE, OWNER]) rmSync(file, { force: true });
}

/** When a process started, in ticks since boot (field 22 of /proc/PID/stat); undefined when there is none. */
function startOf(pid: string): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
