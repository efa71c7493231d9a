import { request } from 'node:http';

/**
 * Asks a program of ours on its unix socket. Undefined when it is well: it answered 200, and `field`, when given, is
 * true in the answer; else a sentence for `kubectl describe`.
 */
export function probe(
  socketPath: string,
  path: string,
  field: string | undefined,
  timeoutMs = 4000,
): Promise<string | undefined> {
  return new Promise(resolve => {
    const question = request({ socketPath, path, agent: false, timeout: timeoutMs }, answer => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', error => resolve(`${socketPath}: ${error.message}`));
      answer.on('end', () => resolve(judge(answer.statusCode, Buffer.concat(chunks).toString(), field)));
    });
    question.on('timeout', () => question.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    question.on('error', error => resolve(`${socketPath}: ${error.message}`));
    question.end();
  });
}

function judge(status: number | undefined, body: string, field: string | undefined): string | undefined {
  if (status !== 200) return `it answered ${status}`;
  if (field === undefined) return undefined;
  try {
    const value = (JSON.parse(body) as Readonly<Record<string, unknown>>)[field];
    return value === true ? undefined : `${field} is ${JSON.stringify(value)}`;
  } catch {
    return 'it answered something that is no JSON';
  }
}

if (import.meta.main) {
  const [socketPath, path, field] = process.argv.slice(2);
  if (socketPath === undefined || path === undefined) {
    process.stderr.write('probe SOCKET PATH [FIELD]   exit code 0: answered 200, and FIELD is true\n');
    process.exitCode = 2;
  } else {
    const complaint = await probe(socketPath, path, field);
    if (complaint !== undefined) {
      process.stdout.write(`${complaint}\n`);
      process.exitCode = 1;
    }
  }
}
