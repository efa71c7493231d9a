import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { netlinkIn, openNamespace } from '@muslin/linux';
import { deleteLinks } from './delete-links.ts';

/** Names in, the fault of each out: the thread that waits for the kernel, so that the agent's need not. */
const port = parentPort as MessagePort;
const { namespace: path } = workerData as { readonly namespace?: string };
const namespace = path === undefined ? undefined : openNamespace(path);
if (namespace?.ok === false) throw new Error(namespace.fault.message);
const opened = netlinkIn(namespace?.value);
if (!opened.ok) throw new Error(opened.fault.message);
const socket = opened.value;
port.on('message', (names: readonly string[]) => port.postMessage(deleteLinks(socket, names)));
