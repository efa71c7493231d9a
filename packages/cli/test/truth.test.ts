import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { muslinctl } from './test-context.ts';

const root = fileURLToPath(new URL('truth', import.meta.url));

/** Folders are named by the row of the truth table that they hold; each flow carries the answer that we expect. */
describe('muslinctl verdict tells the truth about', () => {
  for (const name of readdirSync(root).sort()) {
    const lines = readFileSync(`${root}/${name}/flows.jsonl`, 'utf8').trim().split('\n');
    it(`${name.replaceAll('-', ' ')} (${lines.length} flows)`, async () => {
      const ran = await muslinctl([
        ...['verdict', '--files', `${root}/${name}/objects.yaml`],
        ...['--flows', `${root}/${name}/flows.jsonl`],
      ]);
      const answers = ran.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as Record<string, unknown>);
      const given = lines.map(line => JSON.parse(line) as Record<string, unknown>);
      const shown = (flow: Record<string, unknown>, verdict: unknown) =>
        `${flow['from']} -> ${flow['to']}:${flow['port']}/${flow['protocol'] ?? 'TCP'} ${verdict}`;
      expect(answers.map((answer, i) => shown(given[i] ?? {}, answer['verdict']))).toEqual(
        given.map(flow => shown(flow, flow['expect'])),
      );
      expect(answers.every(answer => !('expect' in answer))).toBe(true);
      expect(ran.code).toBe(0);
    });
  }
});
