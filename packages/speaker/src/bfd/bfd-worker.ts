import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openNamespace } from '@muslin/linux';
import type { BfdNews, BfdStart } from './bfd-messages.ts';
import { BfdThread } from './bfd-thread.ts';
import { hurry } from './thread-urgency.ts';

const port = parentPort as MessagePort;
const start = workerData as BfdStart;

const urgency = hurry();
if (urgency !== 'real time') {
  const message = `BFD runs as ${urgency} thread, not in real time (CAP_SYS_NICE or chrt is missing): on an overloaded node it may take peers for dead, and peers may take it for dead`;
  port.postMessage({ kind: 'fault', message } satisfies BfdNews);
}
const namespace = start.namespace === undefined ? undefined : openNamespace(start.namespace);
if (namespace?.ok === false) throw new Error(namespace.fault.message);
new BfdThread(port, start, namespace?.value).run();
process.exit(0);
