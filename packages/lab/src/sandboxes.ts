import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { SandboxRecord } from './pods/kubelet.ts';

/** What the lab's kubelet wrote down: one file per pod that has a namespace. */
export function readSandboxes(folder: string): readonly SandboxRecord[] {
  const path = `${folder}/sandboxes`;
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter(name => name.endsWith('.json'))
    .flatMap(name => {
      try {
        return [JSON.parse(readFileSync(`${path}/${name}`, 'utf8')) as SandboxRecord];
      } catch {
        return [];
      }
    });
}
