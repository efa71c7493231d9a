import { posix } from 'node:path';
import type { Room } from './rooms.ts';

/** An arrow of the house that a source file draws against the plan. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** `import … from 'x'` and `export … from 'x'` over any lines, `import 'x'`, and `import('x')` anywhere. */
const IMPORT =
  /(?:^[ \t]*(?:import|export)\b[^'"`;()]*?\bfrom\s*|^[ \t]*import\s*|\bimport\s*\(\s*)(['"])([^'"\n]+)\1/gm;

/**
 * Judges every import of the sources `packages/<room>/src/**` (path → text) against the rooms.
 * Pure: the caller reads the files.
 */
export function violations(
  sources: ReadonlyMap<string, string>,
  rooms: Readonly<Record<string, Room>>,
): readonly Violation[] {
  const found: Violation[] = [];
  for (const [file, text] of sources) {
    const name = /^packages\/([^/]+)\/src\//.exec(file)?.[1];
    if (name === undefined) continue;
    const room = rooms[name];
    if (room === undefined) {
      found.push({ file, line: 1, message: `room "${name}" is not in the drawing (test/check/rooms.ts)` });
      continue;
    }
    for (const { target, line } of importsOf(text)) {
      const message = judge(file, name, room, target);
      if (message !== undefined) found.push({ file, line, message });
    }
  }
  return found;
}

function importsOf(text: string): { readonly target: string; readonly line: number }[] {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, comment => comment.replace(/[^\n]/g, ' '));
  return [...bare.matchAll(IMPORT)].map(match => ({
    target: match[2] as string,
    line: bare.slice(0, match.index).split('\n').length,
  }));
}

function judge(file: string, name: string, room: Room, target: string): string | undefined {
  if (target.startsWith('.')) {
    const path = posix.join(posix.dirname(file), target);
    return path.startsWith(`packages/${name}/src/`) ? undefined : `leaves its room by "${target}"`;
  }
  if (target.startsWith('node:'))
    return room.pure ? `pure room "${name}" imports ${target}: take it as an input instead` : undefined;
  const inner = /^@muslin\/([^/]+)(\/.*)?$/.exec(target);
  if (inner !== null) {
    if (inner[2] !== undefined)
      return `reaches past the contract of "${inner[1]}": import "@muslin/${inner[1]}"`;
    return room.below.includes(inner[1] as string) ? undefined : `"${name}" may not stand on "${inner[1]}"`;
  }
  const library = target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
  return room.libraries.includes(library) ? undefined : `"${name}" may not use the library "${library}"`;
}
