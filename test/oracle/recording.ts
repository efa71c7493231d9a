import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Answer } from './answer.ts';

/** What a server answered to the questions of a scene. */
export interface Recording {
  /** Which server it was. */
  readonly server: string;
  readonly answers: ReadonlyMap<string, Answer>;
}

const folder = new URL('./recorded/', import.meta.url);
const fileOf = (scene: string) => new URL(`${scene}.json`, folder);

/** One line per answer, so that a change of one is one line in a diff. */
export function writeRecording(scene: string, { server, answers }: Recording): void {
  mkdirSync(folder, { recursive: true });
  const lines = [...answers].map(([say, answer]) => `${JSON.stringify(say)}: ${JSON.stringify(answer)}`);
  const text = `{\n"server": ${JSON.stringify(server)},\n"answers": {\n${lines.join(',\n')}\n}\n}\n`;
  writeFileSync(fileOf(scene), text);
}

export function readRecording(scene: string): Recording {
  const { server, answers } = JSON.parse(readFileSync(fileOf(scene), 'utf8'));
  return { server, answers: new Map(Object.entries(answers as Record<string, Answer>)) };
}

/** What is otherwise than recorded: a line for each answer that is another, and the questions that nobody recorded. */
export function compare(
  expected: ReadonlyMap<string, Answer>,
  actual: ReadonlyMap<string, Answer>,
): { readonly other: ReadonlyMap<string, string>; readonly unrecorded: readonly string[] } {
  const other = new Map<string, string>();
  for (const [say, answer] of actual) {
    const want = expected.get(say);
    if (want === undefined || JSON.stringify(want) === JSON.stringify(answer)) continue;
    other.set(say, `${say}\n  recorded ${JSON.stringify(want)}\n  answered ${JSON.stringify(answer)}`);
  }
  return { other, unrecorded: [...actual.keys()].filter(say => !expected.has(say)) };
}
