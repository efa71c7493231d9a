import { closeSync, constants, openSync } from 'node:fs';
import { fail, ok, type Result } from '@muslin/net';
import { CLONE, type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';

/** Where named network namespaces live (ip-netns(8)). */
export const NAMESPACE_DIRECTORY = '/run/netns';
/** The namespace of the calling thread; `/proc/self` would follow the main thread instead. */
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

/** An open network namespace: it lives at least as long as the descriptor. */
export interface Namespace extends Disposable {
  readonly fd: number;
  readonly path: string;
  close(): void;
}

/** Opens a network namespace by path (`/proc/7/ns/net`) or by name (`blue` is `/run/netns/blue`). */
export function openNamespace(pathOrName: string): Result<Namespace, SystemFault> {
  const path = pathOrName.includes('/') ? pathOrName : `${NAMESPACE_DIRECTORY}/${pathOrName}`;
  let fd: number;
  try {
    // Without waiting: a pipe in a namespace's place would hold up all that this thread does.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return fail(fileFault('open', error, path));
  }
  let open = true;
  const close = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return ok({ fd, path, close, [Symbol.dispose]: close });
}

/** Opens the namespace of the calling thread. */
export function ownNamespace(): Result<Namespace, SystemFault> {
  return openNamespace(OWN_NAMESPACE);
}

/**
 * Runs `work` inside a network namespace, on the calling thread and in one synchronous piece. What it opens
 * (sockets, children, sync reads of /proc/sys) belongs to that namespace and keeps belonging to it.
 * The process aborts when the way back fails: nothing may go on in the wrong namespace.
 *
 * @throws whatever `work` throws, after the way back
 */
export function withNamespace<T>(namespace: Namespace, work: () => T): Result<T, SystemFault> {
  const calls = systemCalls();
  const own = openSync(OWN_NAMESPACE, constants.O_RDONLY);
  try {
    const entered = calls.setns(namespace.fd, CLONE.newNet);
    if (entered < 0) return fail(systemFault('setns', entered, namespace.path));
    try {
      const value = work();
      if (value instanceof Promise) throw new Error('withNamespace runs synchronous work only');
      return ok(value);
    } finally {
      if (calls.setns(own, CLONE.newNet) < 0) process.abort();
    }
  } finally {
    closeSync(own);
  }
}

/** Like `withNamespace` for work with expected faults of its own; undefined stays in the current namespace. */
export function inNamespace<T, F>(
  namespace: Namespace | undefined,
  work: () => Result<T, F>,
): Result<T, F | SystemFault> {
  if (namespace === undefined) return work();
  const entered = withNamespace(namespace, work);
  return entered.ok ? entered.value : entered;
}

/** The fault of a failed `node:fs` call. */
export function fileFault(call: string, error: unknown, path: string): SystemFault {
  const { code = 'EIO', errno = -5, message } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error)) throw error;
  return { code, errno: Math.abs(errno), call, message: `${call} ${path}: ${message}` };
}
