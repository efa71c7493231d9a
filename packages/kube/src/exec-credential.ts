import { spawn } from 'node:child_process';
import { fail, ok, type Result } from '@muslin/net';
import type { Connection, ExecPlugin } from './connection.ts';
import { Secret } from './secret.ts';

/** What a plugin answered (client.authentication.k8s.io/v1 ExecCredentialStatus). */
export interface ExecCredential {
  readonly token: Secret | undefined;
  readonly cert: Secret | undefined;
  readonly key: Secret | undefined;
  /** Milliseconds since the epoch; undefined when it lasts until the server refuses it. */
  readonly expiresAt: number | undefined;
}

const TIME_LIMIT_MS = 60_000;
const OUTPUT_LIMIT = 1 << 20;

/**
 * Runs an exec plugin without a shell and reads its ExecCredential. Its standard error goes to ours, as with kubectl;
 * it is never quoted in the fault, because plugins print secrets there.
 */
export async function runExecPlugin(
  plugin: ExecPlugin,
  connection: Connection,
): Promise<Result<ExecCredential, string>> {
  const info = {
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(plugin.provideClusterInfo
        ? { cluster: { server: connection.server, 'insecure-skip-tls-verify': connection.insecure } }
        : {}),
    },
  };
  const env = { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  const output = await outputOf(plugin, env);
  return output.ok ? parseExecCredential(output.value, plugin.apiVersion) : output;
}

function outputOf(plugin: ExecPlugin, env: NodeJS.ProcessEnv): Promise<Result<string, string>> {
  return new Promise(resolve => {
    const child = spawn(plugin.command, plugin.args, {
      shell: false,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: TIME_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= OUTPUT_LIMIT) chunks.push(chunk);
      else child.kill('SIGKILL');
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'ENOENT' && plugin.installHint !== undefined ? `. ${plugin.installHint}` : '';
      resolve(fail(`credential plugin ${plugin.command} did not start (${error.code ?? 'unknown'})${hint}`));
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve(ok(Buffer.concat(chunks).toString('utf8')));
      else resolve(fail(`credential plugin ${plugin.command} ended with ${signal ?? `exit status ${code}`}`));
    });
  });
}

/** Reads an ExecCredential; faults name the field and never quote a value. */
export function parseExecCredential(text: string, apiVersion: string): Result<ExecCredential, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('credential plugin: the answer is not JSON');
  }
  const answer = (value ?? {}) as { kind?: unknown; apiVersion?: unknown; status?: Record<string, unknown> };
  if (answer.kind !== 'ExecCredential') return fail('credential plugin: kind must be ExecCredential');
  if (answer.apiVersion !== apiVersion) return fail(`credential plugin: apiVersion must be ${apiVersion}`);
  const status = answer.status ?? {};
  const secret = (name: string) => {
    const field = status[name];
    return typeof field === 'string' && field !== '' ? new Secret(field) : undefined;
  };
  const token = secret('token');
  const cert = secret('clientCertificateData');
  const key = secret('clientKeyData');
  if ((cert === undefined) !== (key === undefined))
    return fail('credential plugin: clientCertificateData and clientKeyData belong together');
  if (token === undefined && cert === undefined)
    return fail('credential plugin: status holds neither token nor clientCertificateData');
  const stamp = status['expirationTimestamp'];
  const expiresAt = typeof stamp === 'string' ? Date.parse(stamp) : undefined;
  if (Number.isNaN(expiresAt)) return fail('credential plugin: status.expirationTimestamp is not a time');
  return ok({ token, cert, key, expiresAt });
}
