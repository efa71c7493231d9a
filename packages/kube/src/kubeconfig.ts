import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { fail, type Result } from '@muslin/net';
import { parse } from 'yaml';
import type { Bearer, ConfigFault, Connection, ExecPlugin, Material } from './connection.ts';
import { Fields } from './fields.ts';
import { Secret } from './secret.ts';

/** Where to look. */
export interface KubeconfigOptions {
  /** This file and no other. */
  readonly path?: string;
  /** Default `process.env`: `KUBECONFIG` (a list of files) and `HOME`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Context to use instead of `current-context`. */
  readonly context?: string;
}

interface Named {
  readonly fields: Fields;
  readonly name: string;
}

/**
 * Reads a kubeconfig (Config v1): `path`, else every file of `KUBECONFIG`, else `~/.kube/config`. Of several files
 * the first that sets a name wins, and files that do not exist are passed over, as kubectl does. Relative paths in a
 * file are relative to that file.
 */
export function loadKubeconfig(options: KubeconfigOptions = {}): Result<Connection, ConfigFault> {
  const files: Fields[] = [];
  for (const file of filesOf(options)) {
    if (options.path === undefined && !existsSync(file)) continue;
    const read = readFields(file);
    if (!read.ok) return read;
    files.push(read.value);
  }
  const first = files[0];
  if (first === undefined) {
    const file = filesOf(options).join(delimiter);
    return fail({
      code: 'no-config',
      file,
      field: '',
      message: `no kubeconfig at ${file}: set KUBECONFIG, or write ~/.kube/config`,
    });
  }
  return connectionOf(files, first, options.context);
}

function filesOf(options: KubeconfigOptions): string[] {
  if (options.path !== undefined) return [resolve(options.path)];
  const env = options.env ?? process.env;
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter(file => file !== '');
  return listed.length > 0
    ? listed.map(file => resolve(file))
    : [join(env['HOME'] ?? homedir(), '.kube/config')];
}

function readFields(file: string): Result<Fields, ConfigFault> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return fail({ code: 'unreadable', file, field: '', message: `${file}: cannot be read (${why})` });
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    // The YAML library quotes the offending lines after the first, and those may hold a token.
    const why = String((error as Error).message).split('\n', 1)[0] ?? '';
    return fail({ code: 'not-yaml', file, field: '', message: `${file}: is not YAML: ${why}` });
  }
  return Fields.read(() => new Fields(file, '', value ?? {}));
}

function connectionOf(
  files: readonly Fields[],
  first: Fields,
  wanted: string | undefined,
): Result<Connection, ConfigFault> {
  return Fields.read(() => {
    const current = files
      .map(file => file.text('current-context'))
      .find(name => name !== undefined && name !== '');
    const contextName = wanted ?? current;
    if (contextName === undefined)
      throw first.fault('missing-field', 'current-context', 'is not set: choose a context');
    const context = find(files, 'contexts', 'context', contextName, first);
    const cluster = find(files, 'clusters', 'cluster', context.fields.must('cluster'), context.fields);
    const userName = context.fields.text('user');
    const user =
      userName === undefined || userName === ''
        ? undefined
        : find(files, 'users', 'user', userName, context.fields);
    return {
      ...clusterOf(cluster.fields),
      ...userOf(user?.fields),
      namespace: context.fields.text('namespace') ?? 'default',
      source: `${context.fields.file} context ${JSON.stringify(context.name)}`,
    };
  });
}

function find(files: readonly Fields[], list: string, item: string, name: string, from: Fields): Named {
  for (const file of files)
    for (const entry of file.list(list))
      if (entry.text('name') === name) return { name, fields: entry.sub(item) };
  throw from.fault('missing-field', list, `has no entry named ${JSON.stringify(name)}`);
}

function clusterOf(cluster: Fields): Pick<Connection, 'server' | 'ca' | 'serverName' | 'insecure'> {
  if (cluster.text('proxy-url') !== undefined)
    throw cluster.fault('unsupported', 'proxy-url', 'is not supported: reach the API server directly');
  return {
    server: cluster.url('server'),
    ca: materialOf(cluster, 'certificate-authority'),
    serverName: cluster.text('tls-server-name'),
    insecure: cluster.flag('insecure-skip-tls-verify'),
  };
}

function userOf(user: Fields | undefined): Pick<Connection, 'clientCert' | 'bearer'> {
  if (user === undefined) return { clientCert: undefined, bearer: { type: 'none' } };
  if (user.has('auth-provider'))
    throw user.fault('unsupported', 'auth-provider', 'was removed from Kubernetes 1.26: use an exec plugin');
  const cert = materialOf(user, 'client-certificate');
  const key = materialOf(user, 'client-key');
  if (cert !== undefined && key === undefined)
    throw user.fault('missing-field', 'client-key', 'is needed beside client-certificate');
  if (key !== undefined && cert === undefined)
    throw user.fault('missing-field', 'client-certificate', 'is needed beside client-key');
  return {
    clientCert: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    bearer: bearerOf(user),
  };
}

function bearerOf(user: Fields): Bearer {
  // Order as in client-go: a token file wins over the token that was written beside it.
  const file = user.text('tokenFile');
  if (file !== undefined && file !== '') return { type: 'tokenFile', file: user.path(file) };
  const token = user.text('token');
  if (token !== undefined && token !== '') return { type: 'token', token: new Secret(token) };
  const username = user.text('username');
  if (username !== undefined)
    return { type: 'basic', username, password: new Secret(user.text('password') ?? '') };
  return user.has('exec') ? { type: 'exec', plugin: execOf(user.sub('exec')) } : { type: 'none' };
}

function execOf(exec: Fields): ExecPlugin {
  const apiVersion = exec.must('apiVersion');
  if (!/^client\.authentication\.k8s\.io\/v1(beta1)?$/.test(apiVersion))
    throw exec.fault('unsupported', 'apiVersion', 'must be client.authentication.k8s.io/v1');
  const command = exec.must('command');
  return {
    apiVersion,
    // With a slash it is a path relative to the file; without one it is looked up in PATH.
    command: command.includes('/') && !isAbsolute(command) ? exec.path(command) : command,
    args: exec.texts('args'),
    env: Object.fromEntries(exec.list('env').map(entry => [entry.must('name'), entry.text('value') ?? ''])),
    installHint: exec.text('installHint'),
    provideClusterInfo: exec.flag('provideClusterInfo'),
  };
}

/** `<name>-data` (base64) wins over `<name>` (a file). */
function materialOf(fields: Fields, name: string): Material | undefined {
  const data = fields.text(`${name}-data`);
  if (data !== undefined && data !== '') {
    const text = Buffer.from(data, 'base64').toString('utf8');
    if (!text.includes('-----BEGIN'))
      throw fields.fault('bad-field', `${name}-data`, 'must be base64 of a PEM file');
    return { data: new Secret(text) };
  }
  const file = fields.text(name);
  return file === undefined || file === '' ? undefined : { file: fields.path(file) };
}
