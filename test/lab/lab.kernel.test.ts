import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../packages/lab/src/until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ids = ['tonce', 'tkill', 'tctrlc'];

function lab(...args: string[]) {
  return spawnSync('npm', ['run', '-s', 'lab', '--', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
}

/** Namespaces, folders and processes that bear the lab's name. */
function leftOf(id: string): readonly string[] {
  const namespaces = existsSync('/run/netns')
    ? readdirSync('/run/netns').filter(name => name.startsWith(`ml-${id}-`))
    : [];
  const folders = existsSync(`/run/muslin-lab/${id}`) ? [`/run/muslin-lab/${id}`] : [];
  const processes = spawnSync('pgrep', ['-af', `muslin-lab/${id}/`], { encoding: 'utf8' }).stdout.split('\n');
  return [...namespaces, ...folders, ...processes.filter(line => line !== '' && !line.includes('pgrep'))];
}

describe('npm run lab', () => {
  afterAll(() => {
    for (const id of ids) lab('--clean', '--id', id);
  });

  it('holds every check with --once --json, and leaves nothing behind', () => {
    const done = lab('--once', '--json', '--id', 'tonce');
    const summary = JSON.parse(done.stdout) as {
      ok: boolean;
      checks: { name: string; ok: boolean; seen: string }[];
    };
    expect(summary.checks.filter(check => !check.ok)).toEqual([]);
    expect(summary.checks.length).toBeGreaterThanOrEqual(40);
    expect(done.status).toBe(0);
    expect(leftOf('tonce')).toEqual([]);
  });

  it('refuses a second lab of the same name, lists the first, and cleans up after one that was killed', async () => {
    const first = spawn(
      'npm',
      ['run', '-s', 'lab', '--', '--bare', '--nodes', '1', '--tor', 'none', '--id', 'tkill'],
      {
        cwd: root,
        stdio: 'ignore',
        detached: true,
      },
    );
    // Whatever fails below, nothing of it may live on and take the name from the next run.
    onTestFinished(async () => {
      if (first.exitCode === null && first.signalCode === null)
        process.kill(-(first.pid as number), 'SIGKILL');
      await until(
        async () => lab('--clean', '--id', 'tkill').status,
        status => status === 0,
        30_000,
        500,
      );
    });
    const listing = () => {
      const done = lab('ls', '--json', '--id', 'tkill');
      return done.status === 0
        ? (JSON.parse(done.stdout) as { nodes: { name: string; netns: string; ip: string }[] })
        : undefined;
    };
    // A Node is there before its addresses, which are a part of its status.
    const up = await until(
      async () => listing(),
      list => list?.nodes.length === 1 && list.nodes[0]?.ip !== '',
      60_000,
      500,
    );
    expect(up.held && up.value?.nodes[0]).toMatchObject({
      name: 'node1',
      netns: 'ml-tkill-node1',
      ip: '172.30.0.11',
    });
    const second = lab('--bare', '--id', 'tkill');
    expect(second.status).toBe(1);
    expect(second.stderr).toContain('is running already');
    expect(first.pid).toBeDefined();
    // The whole process group: npm, its shell and the lab.
    process.kill(-(first.pid as number), 'SIGKILL');
    await new Promise(resolve => first.once('exit', resolve));
    expect(leftOf('tkill').length).toBeGreaterThan(3);
    // npm is gone, the lab below it may still be dying: until then its name is taken.
    const cleaned = await until(
      async () => lab('--clean', '--id', 'tkill'),
      ({ status }) => status === 0,
      30_000,
      500,
    );
    expect(cleaned).toMatchObject({ held: true });
    expect(leftOf('tkill')).toEqual([]);
  });

  it('takes everything down on Ctrl-C', async () => {
    const child = spawn(
      'npm',
      ['run', '-s', 'lab', '--', '--bare', '--nodes', '1', '--tor', 'none', '--id', 'tctrlc'],
      {
        cwd: root,
        stdio: 'ignore',
        detached: true,
      },
    );
    const up = await until(
      async () => lab('ls', '--json', '--id', 'tctrlc').status,
      status => status === 0,
      60_000,
      500,
    );
    expect(up.held).toBe(true);
    process.kill(-(child.pid as number), 'SIGINT');
    await new Promise(resolve => child.once('exit', resolve));
    const gone = await until(
      async () => leftOf('tctrlc'),
      left => left.length === 0,
      20_000,
      200,
    );
    expect(gone.held ? [] : gone.last).toEqual([]);
  });

  it.each([
    [['--nodes', '0'], '--nodes takes a whole number from 1 to 50, not "0"'],
    [['--tor', 'quagga'], '--tor takes bird, frr, gobgp or none, not "quagga"'],
    [['--once', '--keep'], 'choose one'],
    [['dance'], 'unknown command "dance"'],
    [['--nope'], 'nope'],
  ])('answers %j with one sentence and code 2', (args, words) => {
    const done = lab(...args);
    expect(done.status).toBe(2);
    expect(done.stderr).toContain(words);
  });
});
