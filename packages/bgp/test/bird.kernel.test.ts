import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const OURS = 'msl-t-bgp-m';
const THEIRS = 'msl-t-bgp-b';
const directory = mkdtempSync(join(tmpdir(), 'msl-t-bgp-'));
const children: ChildProcess[] = [];

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
const inNs = (ns: string, ...command: string[]) => ip('netns', 'exec', ns, ...command);

function removeNamespaces(): void {
  for (const ns of [OURS, THEIRS]) {
    try {
      ip('netns', 'del', ns);
    } catch {
      // It was not there.
    }
  }
}

beforeAll(() => {
  removeNamespaces();
  for (const ns of [OURS, THEIRS]) ip('netns', 'add', ns);
  ip('link', 'add', 'msl0', 'netns', OURS, 'type', 'veth', 'peer', 'name', 'msl0', 'netns', THEIRS);
  [OURS, THEIRS].forEach((ns, i) => {
    inNs(ns, 'ip', 'link', 'set', 'lo', 'up');
    inNs(ns, 'ip', 'link', 'set', 'msl0', 'up');
    inNs(ns, 'ip', 'addr', 'add', `10.77.0.${i + 1}/24`, 'dev', 'msl0');
    inNs(ns, 'ip', 'addr', 'add', `fd77::${i + 1}/64`, 'dev', 'msl0', 'nodad');
  });
});

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  removeNamespaces();
  rmSync(directory, { recursive: true, force: true });
});

const birdConfig = (theirAs: number, ourAs: number, passive: boolean) => `
router id 10.77.0.2;
log "${directory}/bird.log" all;
protocol device {}
protocol static blue { ipv4; route 192.0.2.0/24 blackhole; route 198.51.100.0/24 blackhole; }
protocol static red { ipv6; route 2001:db8:1::/48 blackhole; }
protocol bgp muslin {
  local 10.77.0.2 as ${theirAs};
  neighbor 10.77.0.1 as ${ourAs};
  ${passive ? 'passive on;' : ''}
  hold time 9;
  graceful restart on;
  enable extended messages on;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
  ipv6 { import all; export where source = RTS_STATIC; next hop self; next hop address fd77::2; };
}
`;

/** BIRD in its namespace, and the commands that one asks it. */
function startBird(theirAs: number, ourAs: number, passive: boolean) {
  const socket = join(directory, `bird-${theirAs}.ctl`);
  const file = join(directory, `bird-${theirAs}.conf`);
  writeFileSync(file, birdConfig(theirAs, ourAs, passive));
  const child = spawn('ip', [
    'netns',
    'exec',
    THEIRS,
    'bird',
    '-f',
    '-c',
    file,
    '-s',
    socket,
    '-P',
    `${socket}.pid`,
  ]);
  children.push(child);
  return {
    ask: (...words: string[]) => inNs(THEIRS, 'birdc', '-s', socket, ...words),
    stop: () => stop(child),
  };
}

/** Our speaker in its namespace. */
function startMuslin(ourAs: number, theirAs: number) {
  const main = fileURLToPath(new URL('shell-main.ts', import.meta.url));
  const args = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', main];
  const own = [`${ourAs}`, '10.77.0.1', '10.77.0.2', `${theirAs}`, 'fd77::1'];
  const child = spawn('ip', ['netns', 'exec', OURS, process.execPath, ...args, ...own], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (command: string): Promise<unknown> => {
      child.stdin.write(`${command}\n`);
      const line = await lines.next();
      if (line.done) throw new Error('the speaker ended');
      return JSON.parse(line.value) as unknown;
    },
    stop: () => stop(child),
  };
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null) resolve();
    else child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

async function eventually(check: () => Promise<void> | void, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }
}

describe.each([
  ['external', 65002, 65001, false],
  ['internal', 65001, 65001, true],
] as const)('with BIRD as an %s neighbour', (_name, theirAs, ourAs, passive) => {
  test('routes of both families go both ways in one session, and are withdrawn again', async () => {
    const bird = startBird(theirAs, ourAs, passive);
    const muslin = startMuslin(ourAs, theirAs);
    try {
      await eventually(async () => {
        expect(await muslin.ask('peer')).toMatchObject({
          state: 'Established',
          families: [{ endOfRib: true }, { endOfRib: true }],
        });
      });
      expect(await muslin.ask('fib')).toEqual([
        ['192.0.2.0/24', '10.77.0.2'],
        ['198.51.100.0/24', '10.77.0.2'],
        ['2001:db8:1::/48', 'fd77::2'],
      ]);
      await muslin.ask('originate 10.200.1.0/26');
      await muslin.ask('originate fd00:200::/64');
      await eventually(() => {
        expect(bird.ask('show', 'route', '10.200.1.0/26', 'all')).toContain('BGP.next_hop: 10.77.0.1');
        expect(bird.ask('show', 'route', 'fd00:200::/64', 'all')).toContain('BGP.next_hop: fd77::1');
      });
      const path = theirAs === ourAs ? 'BGP.local_pref: 100' : `BGP.as_path: ${ourAs}`;
      expect(bird.ask('show', 'route', '10.200.1.0/26', 'all')).toContain(path);
      await muslin.ask('withdraw 10.200.1.0/26');
      await eventually(() => {
        expect(bird.ask('show', 'route', 'protocol', 'muslin')).not.toContain('10.200.1.0/26');
      });
      expect(bird.ask('show', 'route', 'protocol', 'muslin')).toContain('fd00:200::/64');
      bird.ask('disable', 'blue');
      await eventually(async () => {
        expect(await muslin.ask('fib')).toEqual([
          ['2001:db8:1::/48', 'fd77::2'],
          ['fd00:200::/64', 'own'],
        ]);
      });
      bird.ask('reload', 'out', 'muslin');
      expect(await muslin.ask('peer')).toMatchObject({
        state: 'Established',
        established: 1,
        faults: { withdraw: 0, discard: 0 },
      });
      expect(bird.ask('show', 'protocols', 'all', 'muslin')).toMatch(
        /Established[\s\S]*4-octet AS numbers[\s\S]*Extended message/i,
      );
      bird.ask('disable', 'muslin', '"moving rack 7"');
      await eventually(async () => {
        expect(await muslin.ask('peer')).toMatchObject({
          lastError: expect.stringMatching(/Administrative Shutdown \(6\/2\) “moving rack 7”|Hard Reset/),
        });
      });
    } finally {
      await muslin.stop();
      await bird.stop();
    }
  });
});
