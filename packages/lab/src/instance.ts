import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { execa } from 'execa';
import { identify, isAlive, type ProcessId, signal } from './process-id.ts';
import { namespacePrefix } from './topology.ts';

const RUN = '/run/muslin-lab';

/** What a lab writes down so that its successor can recognise and remove what it left. */
interface InstanceRecord {
  readonly id: string;
  /** Who answers for this lab; undefined once it was left running with `--keep`. */
  readonly owner: ProcessId | undefined;
}

/** Folder of a lab: kubeconfig, sockets, logs, process numbers. */
export function folderOf(id: string): string {
  return `${RUN}/${id}`;
}

/** Names of all labs that left a folder, living or dead. */
export function knownLabs(): readonly string[] {
  return existsSync(RUN) ? readdirSync(RUN).filter(name => /^[a-z0-9]{1,8}$/.test(name)) : [];
}

function read(id: string): InstanceRecord | undefined {
  try {
    return JSON.parse(readFileSync(`${folderOf(id)}/lab.json`, 'utf8')) as InstanceRecord;
  } catch {
    return undefined;
  }
}

/** The process that answers for a lab, when it lives and is not this one. */
export function livingOwner(id: string): ProcessId | undefined {
  const owner = read(id)?.owner;
  return owner !== undefined && owner.pid !== process.pid && isAlive(owner) ? owner : undefined;
}

/** Whether a lab was left running on purpose with `--keep`. */
export function wasKept(id: string): boolean {
  const record = read(id);
  return record !== undefined && record.owner === undefined;
}

/** Takes the folder for this process (or for nobody, with `kept`). */
export function claim(id: string, kept = false): string {
  const folder = folderOf(id);
  // Others may pass through to the router's folder; every secret below has a mode of its own.
  mkdirSync(`${folder}/pids`, { recursive: true, mode: 0o711 });
  for (const path of [RUN, folder]) chmodSync(path, 0o711);
  const record: InstanceRecord = { id, owner: kept ? undefined : identify(process.pid) };
  writeFileSync(`${folder}/lab.json.new`, JSON.stringify(record));
  renameSync(`${folder}/lab.json.new`, `${folder}/lab.json`);
  return folder;
}

/** Remembers a child, so that it can be ended by a later lab if this one dies. */
export function remember(id: string, name: string, child: ProcessId): void {
  writeFileSync(`${folderOf(id)}/pids/${name}`, JSON.stringify(child));
}

/** Ends every process and removes every namespace and file of one lab. Safe to repeat; safe on a half-made lab. */
export async function sweep(id: string): Promise<void> {
  const folder = folderOf(id);
  const recorded = existsSync(`${folder}/pids`)
    ? readdirSync(`${folder}/pids`).flatMap(name => {
        try {
          return [JSON.parse(readFileSync(`${folder}/pids/${name}`, 'utf8')) as ProcessId];
        } catch {
          return [];
        }
      })
    : [];
  const namespaces = (await listNamespaces()).filter(name => name.startsWith(namespacePrefix(id)));
  const inside = await Promise.all(namespaces.map(pidsIn));
  const victims = [...recorded, ...inside.flat()].filter(p => p.pid !== process.pid);
  for (const victim of victims) signal(victim, 'SIGKILL');
  if (namespaces.length > 0) {
    const input = namespaces.map(name => `netns del ${name}\n`).join('');
    await execa('ip', ['-force', '-batch', '-'], { input, reject: false, timeout: 60_000 });
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Names below /run/netns. */
export async function listNamespaces(): Promise<readonly string[]> {
  return existsSync('/run/netns') ? readdirSync('/run/netns') : [];
}

async function pidsIn(netns: string): Promise<readonly ProcessId[]> {
  const { stdout } = await execa('ip', ['netns', 'pids', netns], { reject: false, timeout: 10_000 });
  return (stdout ?? '').split('\n').flatMap(line => identify(Number(line)) ?? []);
}
