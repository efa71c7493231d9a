import { readdirSync } from 'node:fs';
import type { Logger } from 'pino';
import type { LinkRemover } from '../kernel/link-remover.ts';
import { FOUND_ALIAS } from './found-pods.ts';
import type { SandboxStore } from './sandbox-store.ts';
import { type Link, listLinks, type NetlinkSocket, netlinkIn, openNamespace } from '@muslin/linux';

/** Where runtimes keep the namespaces of sandboxes (ip-netns(8)); /var/run is the same place. */
const NAMESPACES = '/run/netns';
const WORKLOAD_NAME = /^msl[0-9a-f]{11}$/;

/** What became of one interface that no sandbox owns. */
export interface Orphan {
  readonly name: string;
  /** False when its pod may still be there. */
  readonly removable: boolean;
  readonly because: string;
}

/**
 * Interfaces that look like a pod's and belong to no sandbox. One may be removed only when every named namespace could
 * be searched and none holds its other end; without that proof it stays, unroutable and closed as it is.
 */
export function findOrphans(
  host: NetlinkSocket,
  owned: ReadonlySet<string>,
  folder = NAMESPACES,
): readonly Orphan[] {
  const links = listLinks(host);
  if (!links.ok) return [];
  const orphans = links.value.filter(
    link =>
      link.kind === 'veth' &&
      WORKLOAD_NAME.test(link.name) &&
      !owned.has(link.name) &&
      link.alias?.startsWith(FOUND_ALIAS) !== true,
  );
  if (orphans.length === 0) return [];
  const search = linksOfPods(folder);
  return orphans.map(link => {
    if (typeof search === 'string') return { name: link.name, removable: false, because: search };
    const holder = search.find(({ links: theirs }) => theirs.some(other => joined(link, other)));
    return holder === undefined
      ? { name: link.name, removable: true, because: 'no namespace holds its other end' }
      : { name: link.name, removable: false, because: `namespace ${holder.name} holds its other end` };
  });
}

/** Whether they look like the two ends of one veth. Numbers may meet by chance: then the orphan stays. */
function joined(a: Link, b: Link): boolean {
  return b.kind === 'veth' && b.lower === a.index && a.lower === b.index;
}

/** The links of every named namespace; a text says why that is not known. */
function linksOfPods(
  folder: string,
): readonly { readonly name: string; readonly links: readonly Link[] }[] | string {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    return `the runtime's namespaces can't be listed: ${(error as Error).message}`;
  }
  const found: { name: string; links: readonly Link[] }[] = [];
  for (const name of names) {
    const opened = openNamespace(`${folder}/${name}`);
    if (!opened.ok) return `namespace ${name} can't be searched: ${opened.fault.message}`;
    using namespace = opened.value;
    const socket = netlinkIn(namespace);
    if (!socket.ok) return `namespace ${name} can't be searched: ${socket.fault.message}`;
    using inside = socket.value;
    const links = listLinks(inside);
    if (!links.ok) return `namespace ${name} can't be searched: ${links.fault.message}`;
    found.push({ name, links: links.value });
  }
  return found;
}

/** Interfaces of pods that nobody knows of any more, once their pods are surely gone. */
export async function removeOrphans(
  netlink: NetlinkSocket,
  links: LinkRemover,
  sandboxes: SandboxStore,
  log: Logger,
): Promise<void> {
  const owned = new Set(sandboxes.all().map(sandbox => sandbox.hostInterface));
  const orphans = findOrphans(netlink, owned);
  for (const orphan of orphans)
    log.warn(
      orphan,
      orphan.removable ? 'removing an interface of a lost pod' : 'an interface has no sandbox',
    );
  await Promise.all(orphans.filter(o => o.removable).map(o => links.remove(o.name)));
}
