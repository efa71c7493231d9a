import { setPriority } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openNamespace } from '@muslin/linux';
import type { BfdNews, BfdStart } from './bfd-messages.ts';
import { BfdThread } from './bfd-thread.ts';

/** Well before everything that is merely busy; Linux gives threads their own nice value (setpriority(2)). */
const NICE = -15;

const port = parentPort as MessagePort;
const start = workerData as BfdStart;
const say = (message: string): void => port.postMessage({ kind: 'fault', message } satisfies BfdNews);

try {
  setPriority(0, NICE);
} catch {
  say('BFD runs without priority (CAP_SYS_NICE is missing): a busy node may look dead to its peers');
}
const namespace = start.namespace === undefined ? undefined : openNamespace(start.namespace);
if (namespace?.ok === false) throw new Error(namespace.fault.message);
new BfdThread(port, start, namespace?.value).run();
process.exit(0);
