/**
 * The CNI executable in TypeScript, for images that were built without a compiler: same behaviour as
 * `shim/muslin-cni.c`, whose head describes the protocol. It imports nothing but Node, so that it starts fast.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { getSystemErrorMessage } from 'node:util';

const NAMES = [
  'CNI_COMMAND',
  'CNI_CONTAINERID',
  'CNI_NETNS',
  'CNI_IFNAME',
  'CNI_ARGS',
  'CNI_PATH',
  'CNI_NETNS_OVERRIDE',
] as const;
const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
const MAX_INPUT = 1 << 20;
const ANSWER_MS = 120_000;
/** Longest path of a unix socket (unix(7)); a longer one is ignored, as half a path would be another path. */
const MAX_SOCKET = 107;
const MAX_QUEUE = 511;
/** Bound of the queue: where no agent answers for days, runtimes try pods again and again, and send DELs for each try. */
const MOST_KEPT = 10_000;

interface ShimConf {
  readonly socket: string;
  readonly queue: string;
}

function readConf(path: string): ShimConf {
  let socket = '/run/muslin/cni.sock';
  let queue = '/var/lib/muslin/cni-queue';
  try {
    for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
      if (line.startsWith('socket=') && line.length <= 7 + MAX_SOCKET) socket = line.slice(7);
      if (line.startsWith('queue=') && line.length <= 6 + MAX_QUEUE) queue = line.slice(6);
    }
  } catch {
    // Without a file the built-in places hold.
  }
  return { socket, queue };
}

function refuse(input: string, code: number, msg: string, details = ''): number {
  const cniVersion = /"cniVersion"\s*:\s*"([0-9.]{1,15})"/.exec(input)?.[1] ?? '1.1.0';
  process.stdout.write(`${JSON.stringify({ cniVersion, code, msg, details })}\n`);
  return 1;
}

function buildRequest(input: Buffer): Buffer {
  const variables = NAMES.flatMap(name => {
    const value = process.env[name];
    return value === undefined || Buffer.byteLength(value) > 8000 ? [] : [`${name}=${value}\0`];
  });
  return Buffer.concat([Buffer.from(`MSLCNI1\0${variables.join('')}\0`), input]);
}

/** The agent's whole answer, or nothing when it is away or died meanwhile. */
function askAgent(socket: string, request: Buffer): Promise<{ code: number; body: Buffer } | undefined> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    const connection = createConnection({ path: socket, allowHalfOpen: true });
    connection.setTimeout(ANSWER_MS, () => connection.destroy());
    connection.on('connect', () => connection.end(request));
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    connection.on('error', () => resolve(undefined));
    connection.on('close', () => {
      const all = Buffer.concat(chunks);
      const newline = all.indexOf(10);
      const head = /^(\d+) (\d+)$/.exec(all.subarray(0, Math.max(0, newline)).toString());
      const body = all.subarray(newline + 1);
      // Other exit codes would wrap round, 256 to success.
      const whole = head !== null && Number(head[1]) <= 255 && body.length >= Number(head[2]);
      resolve(whole ? { code: Number(head[1]), body: body.subarray(0, Number(head[2])) } : undefined);
    });
  });
}

/** Keeps a DEL for the agent's return: written whole, synced, then renamed into place. The value says why not. */
function queueRequest(folder: string, request: Buffer): string | undefined {
  const now = performance.timeOrigin + performance.now();
  const [seconds, fraction = 0] = [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
  const name = `${seconds}.${String(fraction).padStart(9, '0')}.${process.pid}`;
  const half = `${folder}/.${name}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    // Opening the file says it better.
  }
  try {
    if (readdirSync(folder).length >= MOST_KEPT) return `${MOST_KEPT} DELs are kept already`;
    const fd = openSync(half, 'wx', 0o600);
    try {
      for (let sent = 0; sent < request.length; ) sent += writeSync(fd, request, sent);
      fsyncSync(fd);
      closeSync(fd);
      renameSync(half, `${folder}/${name}.del`);
    } catch (error) {
      unlinkSync(half);
      throw error;
    }
    return undefined;
  } catch (error) {
    return getSystemErrorMessage((error as NodeJS.ErrnoException).errno ?? 0);
  }
}

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function main(): Promise<number> {
  const command = process.env['CNI_COMMAND'];
  if (!command) {
    process.stderr.write(`Muslin CNI plugin; supports CNI versions ${VERSIONS.join(', ')}\n`);
    return 0;
  }
  if (command === 'VERSION') {
    process.stdout.write(`${JSON.stringify({ cniVersion: '1.1.0', supportedVersions: VERSIONS })}\n`);
    return 0;
  }
  const input = await readInput().catch(() => undefined);
  if (input === undefined || input.length >= MAX_INPUT)
    return refuse('', 5, 'cannot read the network configuration from standard input');
  const conf = readConf(`${process.env['MUSLIN_CNI_SELF'] ?? process.argv[1]}.conf`);
  const request = buildRequest(input);
  const answer = await askAgent(conf.socket, request);
  if (answer !== undefined) {
    process.stdout.write(answer.body);
    return answer.code;
  }
  const text = input.toString();
  if (command === 'DEL') {
    const fault = queueRequest(conf.queue, request);
    if (fault === undefined) return 0;
    return refuse(
      text,
      11,
      'the Muslin agent is not there and the DEL could not be queued; try again',
      fault,
    );
  }
  if (command === 'STATUS') return refuse(text, 50, 'the Muslin agent of this node is not running');
  return refuse(text, 11, 'the Muslin agent of this node is not running; try again');
}

process.exitCode = await main();
