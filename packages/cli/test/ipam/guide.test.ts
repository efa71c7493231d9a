import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from '../fake-api.ts';
import { muslinctl } from '../test-context.ts';
import { CLUSTER } from './cluster.ts';

const GUIDE = readFileSync(fileURLToPath(new URL('../../../../docs/ipam.md', import.meta.url)), 'utf8');
/** Commands of the guide: lines of its `sh` blocks, and those that stand in a sentence or table. */
const COMMANDS = [
  ...[...GUIDE.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.split('\n')),
  ...[...GUIDE.matchAll(/`(muslinctl [^`]+)`/g)].map(([, command = '']) => command),
]
  .map(line => line.replace(/\s+#.*$/, ''))
  .filter(line => line.startsWith('muslinctl '));

let api: FakeApi;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muslinctl-guide-'));
  api = await fakeApi(CLUSTER);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await api.close();
});

/** As a shell would split it, with an address, a pool and a file in place of what the reader is to fill in. */
function argvOf(command: string): readonly string[] {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const filled: Readonly<Record<string, string>> = {
    ...{ IP: '10.1.0.1', NAME: 'default', 'report.json': join(folder, 'report.json') },
    '10.244.0.17': '10.1.0.1',
  };
  return words.slice(1).map(word => filled[word] ?? word);
}

describe('the guide to addresses', () => {
  it.each(COMMANDS)('%s is a command that is understood', async command => {
    writeFileSync(join(folder, 'report.json'), '{"kind":"IPAMCheckReport","leaks":[]}');
    const ran = await muslinctl([...argvOf(command), '--kubeconfig', api.kubeconfig]);
    // 1 is an answer: something is wrong, or was refused.
    expect([ran.code === 2 ? ran.stderr : 'understood', ran.stdout + ran.stderr === '']).toEqual([
      'understood',
      /from-report/.test(command),
    ]);
  });

  it('shows the map as it is drawn', async () => {
    const drawn = (await muslinctl(['ipam', 'show', '--map', '--kubeconfig', api.kubeconfig])).stdout;
    const shown = /```text\n(.*?)```/s.exec(GUIDE)?.[1] ?? 'no picture';
    expect(drawn.startsWith(shown)).toBe(true);
  });
});
