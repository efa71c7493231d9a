import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { UPDATE_MUTATIONS } from '../../packages/bgp/test/fuzz/update-mutation.ts';
import { PROBE_NAMESPACE, placeOf } from '../conformance/place.ts';
import { withSubject } from '../conformance/run.ts';
import { OTHERS, OURS, type Subject } from '../conformance/subjects.ts';
import { ADDRESSES, type SampleAnswer } from './sample-answer.ts';

const SUBJECTS = [OURS, ...OTHERS.filter(s => s.name === 'BIRD' || s.name === 'FRR')];

/** Sends each mutation of UPDATE so many times, with other dice each time, to our speaker, BIRD and FRR; writes `docs/bgp-fuzz.md`. */
export async function compareSpeakers(samples: number, seed: number): Promise<void> {
  const answers = new Map<Subject, string[]>();
  for (const subject of SUBJECTS) {
    const given = await askAll(subject, samples, seed);
    answers.set(subject, given);
    process.stdout.write(`${subject.name}: ${given.filter(a => a !== undefined).length} answers\n`);
  }
  writeFileSync(new URL('../../docs/bgp-fuzz.md', import.meta.url), page(answers, samples, seed));
}

async function askAll(subject: Subject, samples: number, seed: number): Promise<string[]> {
  const places = Array.from({ length: ADDRESSES }, (_, i) => placeOf(i + 1, false));
  const answers: string[] = [];
  await withSubject(subject, places, async () => {
    const main = fileURLToPath(new URL('sample.ts', import.meta.url));
    const { late, settle } = subject;
    const settings = JSON.stringify({ samples, seed, patience: { late, settle: Math.min(settle, 200) } });
    const flags = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
    const child = spawn(
      'ip',
      ['netns', 'exec', PROBE_NAMESPACE, process.execPath, ...flags, main, settings],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), 280_000);
    for await (const line of createInterface({ input: child.stdout })) {
      const { number, observed } = JSON.parse(line) as SampleAnswer;
      answers[number] = observed;
    }
    clearTimeout(timer);
  });
  return answers;
}

function page(answers: ReadonlyMap<Subject, readonly string[]>, samples: number, seed: number): string {
  const subjects = [...answers.keys()];
  const classes = (subject: Subject, mutation: number) => {
    const list = answers.get(subject) ?? [];
    const own = Array.from({ length: samples }, (_, i) => list[mutation * samples + i] ?? 'no answer');
    return [...new Set(own)].sort().join(', ');
  };
  const differing = UPDATE_MUTATIONS.flatMap((mutation, i) => {
    const shown = subjects.map(s => classes(s, i));
    return new Set(shown).size === 1
      ? []
      : [`| ${mutation.name} | ${shown.join(' | ')} | ${mutation.rule} |`];
  });
  const same = UPDATE_MUTATIONS.length - differing.length;
  return `# UPDATEs with flaws: what ours does, and what BIRD and FRR do

Written by \`npm run fuzz -- differential\` (seed ${seed}, ${samples} samples of each of ${UPDATE_MUTATIONS.length} mutations, each on a live session).
Classes: **accept** the route is used whole, **discard** without the attribute, **withdraw** the route is taken away,
**reset** the session ends, **keep** the UPDATE had no effect. On ${same} mutations all three agree. The others, with the sentence that decides:

| mutation | ${subjects.map(s => s.name).join(' | ')} | the rule |
|---|${subjects.map(() => '---|').join('')}---|
${differing.join('\n')}
`;
}
