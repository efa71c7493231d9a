import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JournalFiles } from '../src/journal-files.ts';

let folder: string;
const said: string[] = [];
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'msl-t-journal-')), 'deep');
  said.length = 0;
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

const open = (maxBytes: number) => new JournalFiles({ folder, maxBytes, log: line => said.push(line) });
const files = () => readdirSync(folder).toSorted();
const kept = () => Buffer.concat(files().map(name => readFileSync(join(folder, name))));
const total = () => files().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

test('a journal never takes more than its bound, and the oldest goes first', () => {
  const journal = open(8000);
  for (let i = 0; i < 500; i++) {
    journal.write(new Uint8Array(100).fill(i & 255));
    journal.flush();
    expect(total()).toBeLessThanOrEqual(8000);
  }
  journal.close();
  const bytes = kept();
  expect(bytes.length).toBeGreaterThan(6000);
  expect(bytes.at(-1)).toBe(499 & 255);
  // What is left has no gap.
  const marks = Array.from({ length: bytes.length / 100 }, (_, i) => bytes[i * 100] as number);
  marks.forEach((mark, i) => {
    if (i > 0) expect(mark).toBe(((marks[i - 1] as number) + 1) & 255);
  });
});

test('the next life of the program goes on in a file of its own, within the same bound', () => {
  for (let life = 0; life < 20; life++) {
    const journal = open(8000);
    for (let i = 0; i < 10; i++) journal.write(new Uint8Array(90).fill(life));
    journal.close();
  }
  expect(total()).toBeLessThanOrEqual(8000);
  expect(kept().at(-1)).toBe(19);
});

test('only root may read it', () => {
  const journal = open(8000);
  journal.write(Uint8Array.of(1));
  journal.close();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, files()[0] as string)).mode & 0o777).toBe(0o600);
});

test('a disk that takes no more ends the journal with a word, not the speaker', () => {
  const journal = open(8000);
  rmSync(folder, { recursive: true });
  journal.write(Uint8Array.of(1));
  journal.flush();
  journal.write(Uint8Array.of(2));
  journal.close();
  expect(said).toEqual([expect.stringMatching(/^the journal ends here, as it can't be written: ENOENT/)]);
});

test('an entry larger than a file of the journal has a file of its own; one larger than the bound ends it', () => {
  const journal = open(8000);
  for (let i = 0; i < 30; i++) journal.write(new Uint8Array(i % 3 === 0 ? 5000 : 100).fill(i));
  journal.flush();
  expect(total()).toBeLessThanOrEqual(8000);
  expect(kept().at(-1)).toBe(29);
  journal.write(new Uint8Array(8001));
  journal.close();
  expect(said).toEqual([expect.stringContaining('an entry of 8001 octets is more than all of it')]);
});
