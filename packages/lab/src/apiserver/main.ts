#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Attempt, User } from './api.ts';
import { auditLog } from './audit-log.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { startApiServer } from './server.ts';

const HELP = `usage: main.ts [--listen HOST:PORT]… [--listen-fd N]… [--kubeconfig FILE] [--data FILE]
               [--cert-dir DIR] [--san NAME|ADDRESS]… [--token-file FILE] [--service-cidr CIDR]
               [--bookmark-interval MS] [--watch-cache N] [--audit-log FILE]

  --listen       address to serve on; port 0 takes a free one (default 127.0.0.1:0)
  --kubeconfig   written when the server is up: first loopback address, first token
  --data         SQLite file that keeps all objects over restarts
  --cert-dir     ca.crt, tls.crt and tls.key are kept and reused there
  --token-file   lines of token,user,uid,"group,group" as kube-apiserver's --token-auth-file
  --audit-log    appended to: one JSON line for each kind of request that a user made for the first time
`;

/** A mistake of the caller: one sentence, exit code 2. */
class Mistake extends Error {}

const ADMIN: User = { user: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };

async function main(): Promise<void> {
  const { values } = readFlags();
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const fds = (values['listen-fd'] ?? []).map(text => ({ fd: numberOf(text, '--listen-fd') }));
  const listen = (values.listen ?? (fds.length === 0 ? ['127.0.0.1:0'] : [])).map(readAddress);
  const hosts = listen.map(({ host }) => host);
  const certificates = await loadCertificates(values['cert-dir'], [...(values.san ?? []), ...hosts]);
  const tokens = readTokens(values['token-file']);
  const server = await startApiServer({
    listeners: [...listen, ...fds],
    tokens,
    tls: { cert: certificates.certPem, key: certificates.keyPem, ca: certificates.caPem },
    ...(values.data === undefined ? {} : { dataFile: values.data }),
    ...(values['audit-log'] === undefined ? {} : { authorize: openAuditLog(values['audit-log']) }),
    ...(values['service-cidr'] === undefined ? {} : { serviceCidr: values['service-cidr'] }),
    ...(values['bookmark-interval'] === undefined
      ? {}
      : { bookmarkIntervalMs: numberOf(values['bookmark-interval'], '--bookmark-interval') }),
    ...(values['watch-cache'] === undefined
      ? {}
      : { watchCacheSize: numberOf(values['watch-cache'], '--watch-cache') }),
  }).catch((cause: unknown) => {
    throw new Mistake(`The server can't start: ${(cause as Error).message}.`);
  });
  const close = () => void server.close().then(() => process.exit(0));
  process.once('SIGTERM', close);
  process.once('SIGINT', close);
  if (values.kubeconfig !== undefined)
    writeKubeconfig(values.kubeconfig, server.addresses, certificates, tokens);
  process.stdout.write(`${JSON.stringify({ ready: true, addresses: server.addresses })}\n`);
}

function readFlags() {
  const text = { type: 'string' } as const;
  const list = { type: 'string', multiple: true } as const;
  try {
    return parseArgs({
      options: {
        listen: list,
        'listen-fd': list,
        kubeconfig: text,
        data: text,
        'cert-dir': text,
        san: list,
        'token-file': text,
        'service-cidr': text,
        'bookmark-interval': text,
        'watch-cache': text,
        'audit-log': text,
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    throw new Mistake(`${(cause as Error).message.split('\n')[0]} See --help.`);
  }
}

/** Allows everything and writes down what was asked. */
function openAuditLog(file: string): (attempt: Attempt) => true {
  const note = auditLog(line => appendFileSync(file, line));
  try {
    appendFileSync(file, '', { mode: 0o600 });
  } catch (cause) {
    throw new Mistake(`--audit-log can't be written: ${(cause as Error).message}.`);
  }
  return attempt => {
    note(attempt);
    return true;
  };
}

function numberOf(text: string, flag: string): number {
  if (!/^\d+$/.test(text)) throw new Mistake(`${flag} needs a whole number, not "${text}".`);
  return Number(text);
}

function readAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  if (match === null) throw new Mistake(`--listen needs HOST:PORT, not "${text}".`);
  return { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
}

/** Names that a server of the lab is always reached by. */
const DNS = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

async function loadCertificates(dir: string | undefined, extra: readonly string[]): Promise<Certificates> {
  const names = new Set([...DNS, '127.0.0.1', '::1', '10.96.0.1', ...extra]);
  const wanted = {
    dns: [...names].filter(name => isIP(name) === 0),
    ips: [...names].filter(name => isIP(name) !== 0),
  };
  if (dir === undefined) return makeCertificates(wanted);
  const path = (name: string) => join(dir, name);
  const files = { caPem: path('ca.crt'), certPem: path('tls.crt'), keyPem: path('tls.key') };
  const listed = path('names.json');
  if (Object.values(files).every(file => existsSync(file)) && existsSync(listed)) {
    const kept = new Set(JSON.parse(readFileSync(listed, 'utf8')) as string[]);
    if ([...names].every(name => kept.has(name))) {
      return {
        caPem: readFileSync(files.caPem, 'utf8'),
        certPem: readFileSync(files.certPem, 'utf8'),
        keyPem: readFileSync(files.keyPem, 'utf8'),
      };
    }
  }
  const made = await makeCertificates(wanted);
  mkdirSync(dir, { recursive: true });
  for (const key of ['caPem', 'certPem', 'keyPem'] as const)
    writeFileSync(files[key], made[key], { mode: 0o600 });
  writeFileSync(listed, JSON.stringify([...names]));
  return made;
}

/**
 * Lines of `token,user,uid,"group,group"` (kube-apiserver, static token file), and of our own `,"key=value;key=value"` for what
 * a token is bound to and whom it is for (`audience`). Without a file one admin token is made up.
 */
function readTokens(file: string | undefined): ReadonlyMap<string, User> {
  if (file === undefined) return new Map([[randomBytes(16).toString('hex'), ADMIN]]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Mistake(`--token-file can't be read: ${(cause as Error).message}.`);
  }
  const tokens = new Map<string, User>();
  for (const line of text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'))) {
    const match = /^([^,]+),([^,]+)(?:,[^,]*)?(?:,(?:"([^"]*)"|([^",]+)))?(?:,"([^"]*)")?\s*$/.exec(
      line.trim(),
    );
    if (match === null) throw new Mistake(`--token-file: "${line}" is not token,user,uid,"groups".`);
    const [, token = '', user = '', quoted = '', groups = quoted, bound = ''] = match;
    const { audience, ...extra } = Object.fromEntries(
      bound.split(';').flatMap(pair => (pair === '' ? [] : [pair.split('=') as [string, string]])),
    );
    tokens.set(token, {
      user,
      groups: [...groups.split(',').filter(group => group !== ''), 'system:authenticated'],
      extra: Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, [value]])),
      ...(audience !== undefined && { audience }),
    });
  }
  if (tokens.size === 0) throw new Mistake(`--token-file ${file} holds no token.`);
  return tokens;
}

function writeKubeconfig(
  file: string,
  addresses: readonly { readonly host: string; readonly port: number }[],
  { caPem }: Certificates,
  tokens: ReadonlyMap<string, User>,
): void {
  const loopback = addresses.find(({ host }) => host.startsWith('127.') || host === '::1') ?? addresses[0];
  if (loopback === undefined) throw new Mistake('--kubeconfig needs a listening address.');
  const host = loopback.host.includes(':') ? `[${loopback.host}]` : loopback.host;
  const text = kubeconfigText({
    server: `https://${host}:${loopback.port}`,
    caPem,
    token: [...tokens.keys()][0] as string,
    name: 'muslin-lab',
  });
  const half = `${file}.${process.pid}.new`;
  writeFileSync(half, text, { mode: 0o600 });
  renameSync(half, file);
}

main().catch((cause: unknown) => {
  if (!(cause instanceof Mistake)) throw cause;
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 2;
});
