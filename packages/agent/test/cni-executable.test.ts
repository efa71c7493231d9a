import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const INSTALL = fileURLToPath(new URL('../src/install-cni.ts', import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/msl-cni-`);
const REQUEST = {
  CNI_CONTAINERID: 'box',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
  CNI_NETNS: '/run/netns/x',
};
const CONFIG = '{"cniVersion":"1.0.0","name":"net","type":"muslin"}';

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** An executable and what it talks to. */
interface Place {
  readonly bin: string;
  readonly socket: string;
  readonly queue: string;
}

function placeOf(name: string): Place {
  const root = `${folder}/${name}`;
  return { bin: `${root}/bin`, socket: `${root}/cni.sock`, queue: `${root}/deep/cni-queue` };
}

/** Installs an executable as the image does, and says which one it became. */
function install(name: string, shim: string): string {
  const { bin, socket, queue } = placeOf(name);
  const flags = ['--conditions=@muslin/source', '--disable-warning=ExperimentalWarning'];
  const where = ['--bin-dir', bin, '--socket', socket, '--queue', queue, '--cache', `${folder}/cache`];
  const said = execFileSync(process.execPath, [...flags, INSTALL, ...where, '--shim', shim], {
    encoding: 'utf8',
  });
  return said.trim();
}

function run(place: Place, env: Record<string, string>, input: string | undefined): Promise<Run> {
  const child = spawn(`${place.bin}/muslin`, [], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  child.stdout?.on('data', chunk => (text.out += chunk));
  child.stderr?.on('data', chunk => (text.err += chunk));
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return new Promise(resolve => child.on('close', code => resolve({ code, ...text })));
}

const compiler = ['cc', 'gcc', 'clang'].some(name =>
  (process.env['PATH'] ?? '').split(':').some(part => existsSync(`${part}/${name}`)),
);
const EXECUTABLES = [...(compiler ? ['compiled'] : []), 'script'] as const;

let server: Server | undefined;
/** What the fake agent got, one entry for each connection. */
let received: Buffer[] = [];

/** Listens like the agent, and ends each connection with `answer`; undefined tears it down in mid-request. */
function listen(place: Place, answer: string | Buffer | undefined): Promise<void> {
  received = [];
  server = createServer({ allowHalfOpen: true }, socket => {
    const chunks: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (answer === undefined) socket.destroy();
    });
    socket.on('end', () => {
      received.push(Buffer.concat(chunks));
      if (answer === undefined) socket.destroy();
      else socket.end(answer);
    });
  });
  return new Promise(resolve => server?.listen(place.socket, resolve));
}

beforeAll(() => {
  for (const kind of EXECUTABLES)
    expect(install(kind, kind === 'script' ? 'script' : 'auto')).toBe(`shim: ${kind}`);
});
afterEach(async () => {
  const closing = server;
  server = undefined;
  if (closing !== undefined) await new Promise(resolve => closing.close(resolve));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The request as the protocol writes it. */
const wire = (env: Record<string, string>, input: string) => {
  const order = ['CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_ARGS', 'CNI_PATH'];
  const pairs = order.flatMap(name => (env[name] === undefined ? [] : [`${name}=${env[name]}\0`]));
  return `MSLCNI1\0${pairs.join('')}\0${input}`;
};
const AWAY = 'the Muslin agent of this node is not running; try again';

describe.each(EXECUTABLES)('the CNI executable, %s', kind => {
  const place = placeOf(kind);

  test.each([
    ['no CNI_COMMAND at all', {}],
    ['an empty CNI_COMMAND', { CNI_COMMAND: '' }],
  ])('%s: says on stderr what it is, prints nothing, exits 0', async (_, env) => {
    expect(await run(place, env, '')).toEqual({
      code: 0,
      out: '',
      err: 'Muslin CNI plugin; supports CNI versions 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n',
    });
  });

  test('VERSION answers at once without reading standard input', async () => {
    const child = spawn(`${place.bin}/muslin`, [], { env: { CNI_COMMAND: 'VERSION', PATH: '/bin' } });
    let out = '';
    child.stdout.on('data', chunk => (out += chunk));
    // Standard input stays open: who reads it waits for ever.
    const code = await new Promise(resolve => child.on('exit', resolve));
    child.stdin.destroy();
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      cniVersion: '1.1.0',
      supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
    });
  });

  test.each([
    ['ADD', CONFIG, '1.0.0', 11, AWAY],
    ['CHECK', CONFIG, '1.0.0', 11, AWAY],
    ['GC', CONFIG, '1.0.0', 11, AWAY],
    ['STATUS', CONFIG, '1.0.0', 50, 'the Muslin agent of this node is not running'],
    ['ADD', '{ "cniVersion" : "0.3.1" }', '0.3.1', 11, AWAY],
    ['ADD', '{"cniVersion":5,"x":"9"}', '1.1.0', 11, AWAY],
    ['ADD', '{"cniVersion":"1.0.0-beta"}', '1.1.0', 11, AWAY],
    ['ADD', '{"cniVersion":"111111111111111111"}', '1.1.0', 11, AWAY],
    ['ADD', 'no JSON "', '1.1.0', 11, AWAY],
    ['ADD', '', '1.1.0', 11, AWAY],
  ])(
    'agent away: %s of %s is refused in version %s with code %i',
    async (command, input, version, code, msg) => {
      const done = await run(place, { ...REQUEST, CNI_COMMAND: command }, input);
      expect({ ...done, out: JSON.parse(done.out) }).toEqual({
        code: 1,
        err: '',
        out: { cniVersion: version, code, msg, details: '' },
      });
      expect(done.out.endsWith('}\n')).toBe(true);
      expect(existsSync(place.queue)).toBe(false);
    },
  );

  test('agent away: a DEL succeeds in silence and lies whole in the queue, for root alone', async () => {
    const env = { ...REQUEST, CNI_COMMAND: 'DEL', CNI_NETNS: '' };
    const begun = Date.now() / 1000;
    expect(await run(place, env, CONFIG)).toEqual({ code: 0, out: '', err: '' });
    expect(await run(place, env, CONFIG)).toEqual({ code: 0, out: '', err: '' });
    const names = readdirSync(place.queue).sort();
    expect(names).toHaveLength(2);
    for (const name of names) {
      expect(name).toMatch(/^\d+\.\d{9}\.\d+\.del$/);
      expect(Math.abs(Number(name.split('.')[0]) - begun)).toBeLessThan(30);
      expect(readFileSync(`${place.queue}/${name}`, 'latin1')).toBe(wire(env, CONFIG));
      expect(statSync(`${place.queue}/${name}`).mode & 0o777).toBe(0o600);
    }
    expect(statSync(place.queue).mode & 0o777).toBe(0o700);
    rmSync(place.queue, { recursive: true });
  });

  test('agent away for long: the queue is bounded, and a DEL beyond it is tried again', async () => {
    mkdirSync(place.queue, { recursive: true });
    for (let i = 1; i < 10_000; i++) symlinkSync('x', `${place.queue}/${i}.del`);
    const env = { ...REQUEST, CNI_COMMAND: 'DEL' };
    expect(await run(place, env, CONFIG)).toEqual({ code: 0, out: '', err: '' });
    const done = await run(place, env, CONFIG);
    expect(readdirSync(place.queue)).toHaveLength(10_000);
    rmSync(place.queue, { recursive: true });
    expect({ ...done, out: JSON.parse(done.out) }).toMatchObject({
      ...{ code: 1, err: '' },
      out: { code: 11, details: '10000 DELs are kept already' },
    });
  });

  test('agent away and the queue unusable: a DEL is refused, so that the runtime tries again', async () => {
    rmSync(place.queue, { recursive: true, force: true });
    writeFileSync(place.queue, 'a file in its place');
    const done = await run(place, { ...REQUEST, CNI_COMMAND: 'DEL' }, CONFIG);
    rmSync(place.queue);
    expect(done.code).toBe(1);
    expect(done.err).toBe('');
    expect(JSON.parse(done.out)).toEqual({
      cniVersion: '1.0.0',
      code: 11,
      msg: 'the Muslin agent is not there and the DEL could not be queued; try again',
      details: expect.stringMatching(/^not a directory$/i),
    });
  });

  test.each([
    ['0 0\n', 0, ''],
    ['0 14\n{"ips":["10"]}', 0, '{"ips":["10"]}'],
    ['1 3\n{}\n', 1, '{}\n'],
    ['0 2\n{}surplus', 0, '{}'],
  ])(
    'passes the request to the agent; its answer %j becomes exit code %i and output %j',
    async (answer, code, out) => {
      await listen(place, answer);
      const env = {
        ...REQUEST,
        CNI_COMMAND: 'ADD',
        CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=é',
        OTHER: 'secret',
      };
      expect(await run(place, env, CONFIG)).toEqual({ code, out, err: '' });
      expect(received.map(bytes => bytes.toString())).toEqual([wire(env, CONFIG)]);
    },
  );

  test.each(['', '0', '0 10', '0 10\nshort', 'nonsense\n{}', '256 2\n{}', '-1 2\n{}', '0 -1\n{}'])(
    'an agent that dies after saying %j has said nothing: ADD is tried again, DEL is kept',
    async answer => {
      await listen(place, answer);
      const add = await run(place, { ...REQUEST, CNI_COMMAND: 'ADD' }, CONFIG);
      expect({ code: add.code, out: JSON.parse(add.out) }).toMatchObject({
        code: 1,
        out: { code: 11, msg: AWAY },
      });
      const del = await run(place, { ...REQUEST, CNI_COMMAND: 'DEL' }, CONFIG);
      expect(del).toEqual({ code: 0, out: '', err: '' });
      expect(readdirSync(place.queue)).toHaveLength(1);
      rmSync(place.queue, { recursive: true });
    },
  );

  test('an agent that dies while it is told something big does not take the executable along', async () => {
    await listen(place, undefined);
    const done = await run(
      place,
      { ...REQUEST, CNI_COMMAND: 'ADD' },
      JSON.stringify({ x: 'y'.repeat(900_000) }),
    );
    expect({ code: done.code, out: JSON.parse(done.out) }).toMatchObject({ code: 1, out: { code: 11 } });
  });

  test('half a megabyte of configuration arrives whole', async () => {
    await listen(place, '0 0\n');
    const input = JSON.stringify({ cniVersion: '1.0.0', prevResult: 'ä'.repeat(250_000) });
    const env = { ...REQUEST, CNI_COMMAND: 'ADD' };
    expect(await run(place, env, input)).toEqual({ code: 0, out: '', err: '' });
    expect(received[0]?.equals(Buffer.from(wire(env, input)))).toBe(true);
  });

  test('a megabyte or more is refused with code 5, unsent', async () => {
    await listen(place, '0 0\n');
    const done = await run(place, { ...REQUEST, CNI_COMMAND: 'ADD' }, ' '.repeat(1 << 20));
    expect(done.code).toBe(1);
    expect(JSON.parse(done.out)).toMatchObject({
      code: 5,
      msg: 'cannot read the network configuration from standard input',
    });
    expect(received).toEqual([]);
  });

  test('a variable of 8000 bytes is sent, a longer one is left out', async () => {
    await listen(place, '0 0\n');
    const env = { CNI_COMMAND: 'ADD', CNI_ARGS: 'a'.repeat(8000), CNI_PATH: 'ü'.repeat(4001) };
    await run(place, env, '{}');
    expect(received[0]?.toString()).toBe(wire({ CNI_COMMAND: 'ADD', CNI_ARGS: env.CNI_ARGS }, '{}'));
  });
});

test('installing again replaces executable and configuration whole', () => {
  const kind = EXECUTABLES[0] as string;
  const before = statSync(`${placeOf(kind).bin}/muslin`).ino;
  install(kind, kind === 'script' ? 'script' : 'auto');
  expect(statSync(`${placeOf(kind).bin}/muslin`).ino).not.toBe(before);
  const others = kind === 'script' ? [] : ['loopback'];
  expect(readdirSync(placeOf(kind).bin).sort()).toEqual([...others, 'muslin', 'muslin.conf']);
  const { socket, queue } = placeOf(kind);
  expect(readFileSync(`${placeOf(kind).bin}/muslin.conf`, 'utf8')).toBe(`socket=${socket}\nqueue=${queue}\n`);
});
