import { readFileSync, writeFileSync } from 'node:fs';
import { fail, ok, type Result } from '@muslin/net';
import type { SystemFault } from '../system-calls.ts';
import { fileFault, inNamespace, type Namespace } from './namespace.ts';

/**
 * The file of a kernel setting. The key is written with slashes, as `net/ipv4/conf/eth0.100/rp_filter`,
 * since interface names may hold dots.
 */
const pathOf = (key: string) => {
  if (!/^[A-Za-z0-9_]/.test(key) || key.split('/').includes('..'))
    throw new Error(`${JSON.stringify(key)} is not a sysctl key such as net/ipv4/ip_forward`);
  return `/proc/sys/${key}`;
};

/** Reads a setting. Synchronous on purpose: asynchronous file calls run on threads of other namespaces. */
export function readSysctl(namespace: Namespace | undefined, key: string): Result<string, SystemFault> {
  const path = pathOf(key);
  return inNamespace(namespace, () => {
    try {
      return ok(readFileSync(path, 'latin1').trim());
    } catch (error) {
      return fail(fileFault('read', error, path));
    }
  });
}

/** Writes several settings in one visit to a namespace; what failed, in their order. */
export function sysctls(
  namespace: Namespace | undefined,
  settings: readonly (readonly [key: string, value: string | number])[],
): readonly SystemFault[] {
  const written = inNamespace<readonly Result<void, SystemFault>[], never>(namespace, () =>
    ok(settings.map(([key, value]) => sysctl(undefined, key, value))),
  );
  return written.ok ? written.value.flatMap(each => (each.ok ? [] : [each.fault])) : [written.fault];
}

/** Writes a setting; ENOENT when the kernel or the interface lacks it, EROFS in an unprivileged container. */
export function sysctl(
  namespace: Namespace | undefined,
  key: string,
  value: string | number,
): Result<void, SystemFault> {
  const path = pathOf(key);
  return inNamespace(namespace, () => {
    try {
      writeFileSync(path, `${value}`);
      return ok(undefined);
    } catch (error) {
      return fail(fileFault('write', error, path));
    }
  });
}
