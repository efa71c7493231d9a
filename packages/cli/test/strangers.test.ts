import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { muslinctl } from './test-context.ts';

const root = fileURLToPath(new URL('strangers', import.meta.url));

/** A line such as `#: a/x -> b/y:80/UDP deny`: what the documents say, written down before it was asked. */
const EXPECTED = /^#: (\S+) -> (\S+?)(?::(\d+))?(?:\/([A-Za-z]\w*))? (allow|deny|error)\b/gm;

/** Each file holds a cluster and what must come of connections in it; its name is the sentence. */
describe('muslinctl verdict answers a stranger about', () => {
  for (const name of readdirSync(root).sort()) {
    const file = `${root}/${name}`;
    const flows = [...readFileSync(file, 'utf8').matchAll(EXPECTED)].map(
      ([, from = '', to = '', port, protocol = 'TCP', expected = '']) => ({
        line: { from, to, ...(port !== undefined && { port: Number(port) }), protocol },
        expected: `${from} -> ${to}:${port}/${protocol} ${expected}`,
      }),
    );
    it(`${name.replace(/\.yaml$/, '').replaceAll('-', ' ')} (${flows.length} flows)`, async () => {
      const stdin = flows.map(({ line }) => JSON.stringify(line)).join('\n');
      const { stdout } = await muslinctl(['verdict', '--files', file, '--flows', '-'], { stdin });
      const answers = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { readonly verdict: string });
      expect(answers.map(({ verdict }, i) => flows[i]?.expected.replace(/\w+$/, verdict))).toEqual(
        flows.map(({ expected }) => expected),
      );
    });
  }
});
