import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const birdConfig = (theirAs: number, ourAs: number, passive: boolean, routes: number) => `
router id 10.77.0.2;
log "${directory}/bird.log" all;
protocol device {}
protocol static blue { ipv4; route 192.0.2.0/24 blackhole; route 198.51.100.0/24 blackhole; }
protocol static many { ipv4; ${Array.from({ length: routes }, (_, i) => `route 172.${16 + (i >> 8)}.${i & 255}.0/24 blackhole;`).join('\n')} }
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
function startBird(theirAs: number, ourAs: number, passive: boolean, routes = 0) {
  const socket = join(directory, `bird-${theirAs}.ctl`);
  const file = join(directory, `bird-${theirAs}.conf`);
  writeFileSync(file, birdConfig(theirAs, ourAs, passive, routes));
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
    kill: () => stop(child, 'SIGKILL'),
  };
}

/** Our speaker in its namespace. */
function startMuslin(ourAs: number, theirAs: number, mode: 'fresh' | 'restarting' = 'fresh') {
  const main = fileURLToPath(new URL('shell-main.ts', import.meta.url));
  const args = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning', main];
  const own = [`${ourAs}`, '10.77.0.1', '10.77.0.2', `${theirAs}`, 'fd77::1', mode];
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
    kill: () => stop(child, 'SIGKILL'),
  };
}

function stop(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
    child.kill(signal);
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

describe('with BIRD, when things go wrong', () => {
  test('a speaker that is killed keeps its routes in BIRD until it is back, and loses only what it does not announce again', async () => {
    const bird = startBird(65002, 65001, false);
    const first = startMuslin(65001, 65002);
    const table = () => bird.ask('show', 'route', 'protocol', 'muslin');
    await first.ask('originate 10.200.1.0/26');
    await first.ask('originate 10.200.2.0/26');
    await eventually(() => expect(table()).toContain('10.200.2.0/26'));
    await first.kill();
    await eventually(() => expect(bird.ask('show', 'protocols', 'muslin')).not.toContain('Established'));
    expect(table()).toContain('10.200.1.0/26');
    const second = startMuslin(65001, 65002, 'restarting');
    try {
      await second.ask('originate 10.200.1.0/26');
      await eventually(() => {
        expect(table()).toContain('10.200.1.0/26');
        expect(bird.ask('show', 'protocols', 'muslin')).toContain('Established');
      });
      await eventually(() => expect(table()).not.toContain('10.200.2.0/26'));
      expect(table()).toContain('10.200.1.0/26');
    } finally {
      await second.stop();
      await bird.stop();
    }
  });

  test('a BIRD that is killed keeps its routes here until it is back', async () => {
    const first = startBird(65002, 65001, false);
    const muslin = startMuslin(65001, 65002);
    await eventually(async () => expect(await muslin.ask('fibSize')).toBe(3));
    inNs(THEIRS, 'sh', '-c', `kill -9 $(cat ${directory}/bird-65002.ctl.pid)`);
    await eventually(async () =>
      expect(await muslin.ask('peer')).not.toMatchObject({ state: 'Established' }),
    );
    expect(await muslin.ask('peer')).toMatchObject({ families: [{ stale: 2 }, { stale: 1 }] });
    expect(await muslin.ask('fibSize')).toBe(3);
    await first.stop();
    const second = startBird(65002, 65001, false);
    try {
      await eventually(async () => {
        expect(await muslin.ask('fibSize')).toBe(3);
        expect(await muslin.ask('peer')).toMatchObject({
          state: 'Established',
          established: 2,
          families: [{ stale: 0 }, { stale: 0 }],
        });
      });
    } finally {
      await muslin.stop();
      await second.stop();
    }
  });

  test('thousands of routes arrive complete in both directions', async () => {
    const bird = startBird(65002, 65001, false, 3000);
    const muslin = startMuslin(65001, 65002);
    try {
      await muslin.ask('originateMany 3000');
      await eventually(async () => expect(await muslin.ask('fibSize')).toBe(3 + 3000 + 6000));
      await eventually(() => {
        expect(bird.ask('show', 'route', 'count', 'protocol', 'muslin')).toMatch(
          /3000 of \d+ routes.* master4[\s\S]*3000 of \d+ routes.* master6/,
        );
      });
    } finally {
      await muslin.stop();
      await bird.stop();
    }
  });
});

describe('the script in the README', () => {
  test('speaks BGP', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const script = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const here = script.replaceAll('10.0.0.254', '10.77.0.2').replaceAll('10.0.0.1', '10.77.0.1');
    const bird = startBird(64513, 64512, true);
    const args = [
      '--conditions=@muslin/source',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      here,
    ];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const child = spawn('ip', ['netns', 'exec', OURS, process.execPath, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    let said = '';
    child.stdout.on('data', (text: Uint8Array) => {
      said += text;
    });
    try {
      await eventually(() => {
        expect(said).toContain('192.0.2.0/24 ebgp 10.77.0.2');
        expect(bird.ask('show', 'route', 'protocol', 'muslin')).toContain('10.1.0.0/26');
      });
    } finally {
      await stop(child);
      await bird.stop();
    }
  });
});
