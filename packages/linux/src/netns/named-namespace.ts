import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { fail, ok, type Result } from '@muslin/net';
import { CLONE, type SystemFault, systemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';
import { fileFault, NAMESPACE_DIRECTORY, type Namespace, openNamespace } from './namespace.ts';

const MOUNT = { bind: 4096, recursive: 16384, shared: 1 << 20, detach: 2 } as const;
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

/**
 * Creates a named network namespace and opens it, as `ip netns add` does: a new namespace is bound to
 * `/run/netns/NAME` so that it outlives this process. EEXIST when the name is taken.
 */
export function createNamespace(name: string): Result<Namespace, SystemFault> {
  checkName(name);
  const calls = systemCalls();
  const path = `${NAMESPACE_DIRECTORY}/${name}`;
  try {
    mkdirSync(NAMESPACE_DIRECTORY, { recursive: true, mode: 0o755 });
    closeSync(openSync(path, 'wx', 0o000));
  } catch (error) {
    return fail(fileFault('create', error, path));
  }
  shareMounts();
  const own = openSync(OWN_NAMESPACE, 'r');
  try {
    const made = calls.unshare(CLONE.newNet);
    const bound = made < 0 ? made : calls.mount(OWN_NAMESPACE, path, 'none', MOUNT.bind);
    if (calls.setns(own, CLONE.newNet) < 0) process.abort();
    if (bound < 0) {
      rmSync(path, { force: true });
      return fail(systemFault(made < 0 ? 'unshare' : 'mount', bound, path));
    }
  } finally {
    closeSync(own);
  }
  return openNamespace(name);
}

/** Removes the name; the namespace ends when nothing holds it any more. ENOENT when there is no such name. */
export function deleteNamespace(name: string): Result<void, SystemFault> {
  checkName(name);
  const path = `${NAMESPACE_DIRECTORY}/${name}`;
  const unmounted = systemCalls().unmount(path, MOUNT.detach);
  try {
    rmSync(path);
  } catch (error) {
    return unmounted < 0
      ? fail(systemFault('umount', unmounted, path))
      : fail(fileFault('unlink', error, path));
  }
  return ok(undefined);
}

/** The names under /run/netns. */
export function listNamespaces(): readonly string[] {
  try {
    return readdirSync(NAMESPACE_DIRECTORY);
  } catch {
    return [];
  }
}

/** Makes /run/netns a shared mount, so that namespaces made here are seen in other mount namespaces too. */
function shareMounts(): void {
  const calls = systemCalls();
  const share = () => calls.mount('', NAMESPACE_DIRECTORY, 'none', MOUNT.shared | MOUNT.recursive);
  if (share() >= 0) return;
  // Not a mount point yet. Where even that is forbidden, names still work inside this mount namespace.
  if (calls.mount(NAMESPACE_DIRECTORY, NAMESPACE_DIRECTORY, 'none', MOUNT.bind | MOUNT.recursive) >= 0)
    share();
}

function checkName(name: string): void {
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(name) || name === '.' || name === '..')
    throw new Error(`${JSON.stringify(name)} can't name a network namespace`);
}
