import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A command in a page, and the lines that the page shows of its output. */
interface Sample {
  readonly page: string;
  readonly command: string;
  readonly shown: readonly string[];
}

/** Every `$ muslinctl …` in a fenced block marked `console`. */
function samplesOf(page: string): readonly Sample[] {
  const text = readFileSync(root + page, 'utf8');
  return [...text.matchAll(/^```console\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map(part => {
        const [command = '', ...shown] = part.trimEnd().split('\n');
        return { page, command, shown: shown.filter(line => line.trim() !== '') };
      }),
  );
}

const samples = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()].flatMap(samplesOf);

describe('the pages of docs', () => {
  it('show commands', () => {
    expect(samples.length).toBeGreaterThan(4);
  });

  it.each(samples.map(sample => [sample.page, sample.command, sample] as const))(
    '%s: %s prints what is shown',
    (_page, _command, sample) => {
      const [program, ...args] = sample.command.split(' ');
      expect(program).toBe('muslinctl');
      const node = [
        '--conditions=@muslin/source',
        '--disable-warning=ExperimentalWarning',
        'packages/cli/src/main.ts',
      ];
      const done = spawnSync(process.execPath, [...node, ...args], { cwd: root, encoding: 'utf8' });
      expect(done.stderr).toBe('');
      let rest = done.stdout;
      for (const line of sample.shown) {
        const at = rest.indexOf(line.trim());
        expect(
          at,
          `${JSON.stringify(line)} is not in the rest of the output:\n${rest}`,
        ).toBeGreaterThanOrEqual(0);
        rest = rest.slice(at + line.trim().length);
      }
    },
  );

  it('link to files that exist', () => {
    const broken = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'], { cwd: root }).flatMap(page => {
      const folder = page.slice(0, page.lastIndexOf('/') + 1);
      const text = readFileSync(root + page, 'utf8');
      return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        .filter(target => globSync(folder + target, { cwd: root }).length === 0)
        .map(target => `${page}: ${target}`);
    });
    expect(broken).toEqual([]);
  });
});
