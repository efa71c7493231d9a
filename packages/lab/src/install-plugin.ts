import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ourProgram, startChild } from './child.ts';
import type { Topology } from './topology.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Puts the CNI executable where each node's runtime finds it, as muslin-install-cni does; which kind it took. */
export async function installPlugin({ id, nodes }: Topology, folder: string): Promise<string> {
  const folders = nodes.map(node => `${folder}/${node.name}`);
  for (const each of folders) mkdirSync(`${each}/cni/bin`, { recursive: true });
  const args = folders.flatMap(each => [
    ...['--bin-dir', `${each}/cni/bin`, '--socket', `${each}/cni.sock`],
    ...['--queue', `${each}/state/cni-queue`],
  ]);
  const program = `${ROOT}/packages/agent/src/install-cni.ts`;
  const child = startChild({
    lab: id,
    name: 'install-cni',
    command: ourProgram(program, '--cache', `${ROOT}/node_modules/.cache/muslin`, ...args),
    log: `${folder}/install-cni.log`,
  });
  const end = await child.ended;
  if (end !== 'exit code 0')
    throw new Error(`installing the CNI executable failed (${end}):\n${child.tail()}`);
  return /shim: (\w+)/.exec(child.tail())?.[1] ?? 'unknown';
}
