import { request } from 'node:http';

/** What a program of ours said on its socket, or why it said nothing. */
interface Finding {
  readonly well: boolean;
  /** The page, or the sentence for `kubectl describe`. */
  readonly text: string;
}

/** Asks a program on its unix socket. It is well when it answers 200 and `field`, where given, is true in the answer. */
function probe(
  socketPath: string,
  path: string,
  field: string | undefined,
  timeoutMs: number,
): Promise<Finding> {
  return new Promise(resolve => {
    const ill = (text: string) => resolve({ well: false, text: `${socketPath}: ${text}` });
    const question = request({ socketPath, path, agent: false, timeout: timeoutMs }, answer => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', error => ill(error.message));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString().trimEnd();
        const complaint =
          answer.statusCode === 200 ? missing(text, field) : `it answered ${answer.statusCode}: ${text}`;
        if (complaint === undefined) resolve({ well: true, text });
        else ill(complaint);
      });
    });
    question.on('timeout', () => question.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    question.on('error', error => ill(error.message));
    question.end();
  });
}

function missing(body: string, field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  try {
    const value = (JSON.parse(body) as Readonly<Record<string, unknown>>)[field];
    return value === true ? undefined : `${field} is ${JSON.stringify(value)}`;
  } catch {
    return 'it answered something that is no JSON';
  }
}

if (import.meta.main) {
  const [socketPath, path, field = '', patience] = process.argv.slice(2);
  if (socketPath === undefined || path === undefined) {
    process.stderr.write(
      'probe SOCKET PATH [FIELD [MS]]   prints the page; exit code 0: answered 200, and FIELD is true in it\n',
    );
    process.exitCode = 2;
  } else {
    const { well, text } = await probe(socketPath, path, field || undefined, Number(patience ?? 4000));
    process.stdout.write(`${text}\n`);
    process.exitCode = well ? 0 : 1;
  }
}
