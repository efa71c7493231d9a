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

/** One line for each answer that is another. */
export function differences(
  expected: ReadonlyMap<string, Answer>,
  actual: ReadonlyMap<string, Answer>,
): readonly string[] {
  const lines: string[] = [];
  for (const [say, answer] of actual) {
    const want = JSON.stringify(expected.get(say)) ?? 'nothing recorded';
    const got = JSON.stringify(answer);
    if (want !== got) lines.push(`${say}\n  recorded ${want}\n  answered ${got}`);
  }
  for (const say of expected.keys()) if (!actual.has(say)) lines.push(`${say}: recorded, and not asked`);
  return lines;
}
