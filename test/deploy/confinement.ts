import { readFileSync } from 'node:fs';
import { containersOf, objectsOf } from './installation.ts';

/** A container of the DaemonSet as the manifests describe it. */
export function nodeContainer(name: 'agent' | 'speaker' | 'uninstall') {
  const container = objectsOf({})
    .flatMap(containersOf)
    .find(each => each.name === name);
  if (container === undefined) throw new Error(`no container ${name}`);
  return container;
}

/**
 * A command that runs another as a container runtime would run this container: these capabilities and no others, the root
 * file system and /proc/sys read-only, but for the folders named.
 */
export function confined(
  name: 'agent' | 'speaker' | 'uninstall',
  folders: readonly string[],
  command: readonly string[],
): readonly string[] {
  const added: readonly string[] = nodeContainer(name).securityContext.capabilities.add ?? [];
  const capabilities = ['-all', ...added.map(capability => `+${capability.toLowerCase()}`)].join(',');
  const mounts = [
    ...folders.map(folder => `mount --bind '${folder}' '${folder}'`),
    'mount --bind /proc/sys /proc/sys',
    'mount -o remount,bind,ro /proc/sys',
    'mount -o remount,bind,ro /',
  ].join(' && ');
  const drop = ['setpriv', `--bounding-set=${capabilities}`, '--inh-caps=-all', '--'];
  return [
    'unshare',
    '--mount',
    '--propagation',
    'slave',
    'sh',
    '-c',
    `${mounts} && exec "$@"`,
    '--',
    ...drop,
    ...command,
  ];
}

/** Effective capabilities of a process, as `capget` would tell, in hexadecimal. */
export function effectiveCapabilities(pid: number): string {
  return /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}
