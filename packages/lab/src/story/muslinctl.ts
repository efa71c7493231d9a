import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { ourProgram } from '../child.ts';

const MUSLINCTL = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url));

/** What muslinctl prints, asked as a person would; nothing when it fails. */
export async function askMuslinctl(...args: readonly string[]): Promise<string> {
  const [node = '', ...before] = ourProgram(MUSLINCTL);
  const ran = await execa(node, [...before, ...args], { reject: false, timeout: 20_000 });
  return ran.stdout;
}
