import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { readSocket } from '../bgp/speaker-socket.ts';
import { redactText, redactValue } from './redact.ts';
import type { TarFile } from './tar.ts';

const PATIENCE_MS = 10_000;
const LARGEST_FILE = 8 << 20;

/** Pages of the sockets; a full table may be large, and says what `explain` builds on. */
const AGENT_PAGES = ['/v1/status', '/metrics'];
const SPEAKER_PAGES = ['/v1/status', '/v1/peers', '/v1/problems', '/v1/routes', '/metrics'];

/** What the kernel holds, by the programs that an admin would ask; one that is not there says so in its file. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['iptables-save', '-c'],
  ['ip6tables-save', '-c'],
  ['iptables-legacy-save', '-c'],
  ['nft', '-a', 'list', 'ruleset'],
  ['ipset', 'list'],
  ['ip', '-s', '-d', 'link'],
  ['ip', 'addr'],
  ['ip', 'route', 'show', 'table', 'all'],
  ['ip', '-6', 'route', 'show', 'table', 'all'],
  ['ip', 'rule'],
  ['ip', 'neigh'],
  ['ss', '-tanp', 'sport = :179 or dport = :179'],
  ['conntrack', '-S'],
  ['sysctl', '-a', '--pattern', 'ip_forward|rp_filter|proxy_arp|forwarding|nf_conntrack_(max|count)'],
  ['lsmod'],
];

/** Where programs and the runtime leave what they wrote, and what they were told. */
const PATHS = [
  '/var/log/pods/*muslin*/*/*.log',
  '/etc/cni/net.d/*',
  '/var/lib/muslin/*.json',
  '/proc/net/dev',
  '/proc/net/snmp',
];

/** Everything that tells about this node's network, redacted; a part that fails is a file that says why. */
export async function collect(
  sockets: { readonly agent: string; readonly speaker: string },
  logDir: string | undefined,
): Promise<readonly TarFile[]> {
  const pages = [
    ...AGENT_PAGES.map(page => [sockets.agent, 'agent', page] as const),
    ...SPEAKER_PAGES.map(page => [sockets.speaker, 'speaker', page] as const),
  ].map(async ([socket, program, page]): Promise<TarFile> => {
    const name = `${program}${page.replaceAll('/', '-')}.txt`;
    const parts: Uint8Array[] = [];
    const done = await readSocket(socket, page, part => parts.push(part), AbortSignal.timeout(PATIENCE_MS));
    const text = Buffer.concat(parts).toString('utf8');
    return done.ok ? pageFile(name, text) : { name, text: `${done.fault.message}\n` };
  });
  const outputs: TarFile[] = [];
  for (const command of COMMANDS) outputs.push(await outputOf(command));
  const patterns = logDir === undefined ? PATHS : [...PATHS, `${logDir}/*`];
  const files = globSync(patterns).filter(path => existsSync(path) && statSync(path).isFile());
  return [
    { name: 'node.txt', text: `${hostname()}\nLinux ${release()}\nNode ${process.version}\n` },
    ...(await Promise.all(pages)),
    ...outputs,
    ...files.map(fileOf),
    { name: 'paths.txt', text: `${[...patterns, '', ...files].join('\n')}\n` },
  ];
}

/** Pages are JSON, metrics are text. */
function pageFile(name: string, text: string): TarFile {
  try {
    const value = redactValue(JSON.parse(text));
    return { name: name.replace(/txt$/, 'json'), text: `${JSON.stringify(value, null, 2)}\n` };
  } catch {
    return { name, text: redactText(text) };
  }
}

function outputOf([program, ...args]: readonly [string, ...string[]]): Promise<TarFile> {
  const name = `${[program, ...args]
    .join('-')
    .replace(/[^\w.-]+/g, '_')
    .slice(0, 80)}.txt`;
  const options = { timeout: PATIENCE_MS, maxBuffer: 64 << 20 };
  return new Promise(resolve => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const failed = error === null ? '' : `# ${program} failed: ${error.message}\n`;
      resolve({ name, text: redactText(`${failed}${stderr}${stdout}`) });
    });
  });
}

/** The end of a file that is larger: what happened last is what matters. */
function fileOf(path: string): TarFile {
  const name = path.replace(/^\/+/, '').replaceAll('/', '_');
  try {
    return { name, text: redactText(readFileSync(path, 'utf8').slice(-LARGEST_FILE)) };
  } catch (cause) {
    return { name, text: `${(cause as Error).message}\n` };
  }
}
