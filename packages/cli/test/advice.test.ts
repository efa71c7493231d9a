import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { follow, objectsIn, yamlOf } from './advice.ts';
import { folder } from './folder.ts';
import { muslinctl } from './test-context.ts';

const root = fileURLToPath(new URL('truth', import.meta.url));
const WORLDS = readdirSync(root).filter(name => name.startsWith('every-kind-of-policy'));
/** Connections of each world to ask about. */
const ASKED = 12;

interface Said {
  readonly verdict: 'allow' | 'deny';
  readonly flips: readonly { readonly text: string }[];
  readonly flipsTogether?: readonly { readonly text: string }[];
}

async function why(from: string, to: string, files: string): Promise<Said> {
  const ran = await muslinctl(['why', from, to, '--files', files, '-o', 'json']);
  if (ran.code > 1) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as Said;
}

describe('who does what muslinctl why advises', () => {
  it.each(WORLDS)('gets the other answer (%s)', async name => {
    const yaml = readFileSync(`${root}/${name}/objects.yaml`, 'utf8');
    const flows = readFileSync(`${root}/${name}/flows.jsonl`, 'utf8').trim().split('\n');
    using before = folder({ 'all.yaml': yaml });
    const step = Math.floor(flows.length / ASKED);
    const wrong: string[] = [];
    let followed = 0;
    for (const line of flows.filter((_, i) => i % step === 0)) {
      const { from, to, port, protocol } = JSON.parse(line) as Record<string, string>;
      const ends = [from ?? '', `${to?.includes(':') ? `[${to}]` : to}:${port}/${protocol}`] as const;
      const said = await why(...ends, before.path);
      const single = said.flips.map(({ text }) => [text]);
      const together = (said.flipsTogether ?? []).map(({ text }) => text);
      for (const advice of together.length > 0 ? [together] : single) {
        const objects = objectsIn(yaml);
        for (const text of advice) follow(text, objects);
        using after = folder({ 'all.yaml': yamlOf(objects) });
        const now = await why(...ends, after.path);
        followed++;
        if (now.verdict === said.verdict) wrong.push(`${ends.join(' -> ')}: ${advice.join('; ')}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(followed).toBeGreaterThan(0);
  });
});
