import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BIN } from '../../deploy/objects/names.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Instruction {
  readonly name: string;
  readonly words: readonly string[];
}

/** Instructions in order, with continued lines joined and comments left out. */
function instructionsOf(text: string): readonly Instruction[] {
  return text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => {
      const [name = '', ...words] = line.trim().split(/\s+/);
      return { name, words };
    });
}

/** Sentences about what this Dockerfile does wrong. `exists` answers for paths of the build context. */
function lint(text: string, exists: (path: string) => boolean): readonly string[] {
  const instructions = instructionsOf(text);
  const complaints: string[] = [];
  const stages: string[] = [];
  let user = '';
  for (const { name, words } of instructions) {
    const line = `${name} ${words.join(' ')}`;
    if (name === 'FROM') {
      const [image = '', as, stage] = words;
      if (!/(:\d+\.\d+\.\d+(-[\w.-]+)?|@sha256:[0-9a-f]{64})$/.test(image))
        complaints.push(`${line}: pin a full version or a digest`);
      if (as === 'AS' && stage !== undefined) stages.push(stage);
      user = '';
    } else if (name === 'ADD') complaints.push(`${line}: COPY says what it does`);
    else if (name === 'USER') user = words[0] ?? '';
    else if (name === 'COPY') {
      const from = /^--from=(.*)$/.exec(words[0] ?? '')?.[1];
      if (from !== undefined && !stages.includes(from)) complaints.push(`${line}: no such stage`);
      if (from === undefined)
        for (const source of words.slice(0, -1))
          if (!exists(source)) complaints.push(`${line}: ${source} does not exist or is ignored`);
    } else if (name === 'RUN' && /curl|wget/.test(line))
      complaints.push(`${line}: downloads something unpinned`);
    else if (!['RUN', 'WORKDIR', 'ENV', 'CMD', 'ENTRYPOINT', 'LABEL'].includes(name))
      complaints.push(`${line}: unknown instruction`);
  }
  if (!/^[1-9][0-9]*(:[1-9][0-9]*)?$/.test(user))
    complaints.push('the last stage runs as root: USER is missing');
  return complaints;
}

describe('deploy/Dockerfile', () => {
  const text = readFileSync(`${ROOT}/deploy/Dockerfile`, 'utf8');
  const kept = readFileSync(`${ROOT}/deploy/Dockerfile.dockerignore`, 'utf8')
    .split('\n')
    .flatMap(line => (line.startsWith('!') ? [line.slice(1)] : []));
  const inContext = (path: string) => {
    const plain = path.replace(/^\.\//, '');
    return existsSync(join(ROOT, plain)) && kept.includes(plain.split('/')[0] as string);
  };

  it('pins its bases, copies what is there, downloads nothing loose and ends as nobody', () => {
    expect(lint(text, inContext)).toEqual([]);
  });

  it('copies everything that the context lets in', () => {
    const copied = instructionsOf(text)
      .filter(({ name, words }) => name === 'COPY' && !words[0]?.startsWith('--from'))
      .flatMap(({ words }) => words.slice(0, -1).map(word => word.replace(/^\.\//, '')));
    expect([...copied].sort()).toEqual([...kept].sort());
  });

  it('takes the Node that the repository is tested with', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'));
    const versions = [...text.matchAll(/^FROM node:([\d.]+)/gm)].map(match => match[1]);
    expect(new Set(versions)).toEqual(new Set(Object.values(optionalDependencies)));
  });

  it('puts programs where the manifests start them', () => {
    expect(text).toContain(`COPY --from=build ${BIN.replace('/bin', '')} ${BIN.replace('/bin', '')}`);
  });

  it.each([
    ['FROM node\nUSER 1', 'FROM node: pin a full version or a digest'],
    ['FROM node:26.10\nUSER 1', 'FROM node:26.10: pin a full version or a digest'],
    ['FROM node:26.10.0\nADD https://x.org/y /\nUSER 1', 'ADD https://x.org/y /: COPY says what it does'],
    ['FROM node:26.10.0\nCOPY nowhere /x\nUSER 1', 'COPY nowhere /x: nowhere does not exist or is ignored'],
    ['FROM node:26.10.0\nCOPY --from=x /a /b\nUSER 1', 'COPY --from=x /a /b: no such stage'],
    ['FROM node:26.10.0\nRUN curl x | sh\nUSER 1', 'RUN curl x | sh: downloads something unpinned'],
    ['FROM node:26.10.0\nUSER root', 'the last stage runs as root: USER is missing'],
    ['FROM node:26.10.0 AS a\nUSER 1\nFROM node:26.10.0', 'the last stage runs as root: USER is missing'],
  ])('the linter finds: %j', (bad, complaint) => {
    expect(lint(bad, inContext)).toEqual([complaint]);
  });
});
