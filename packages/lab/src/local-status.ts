import { request } from 'node:http';

/** What an agent says of itself on its socket (`GET /v1/status`). */
export interface AgentStatus {
  readonly node: string;
  /** Every watch has seen a complete list, and what it meant is in the kernel. */
  readonly ready: boolean;
  /** Last resourceVersion of each kind whose meaning is in the kernel. */
  readonly appliedThrough: Readonly<Record<string, string>>;
  /** Policies in force here, by key. */
  readonly policies: Readonly<
    Record<string, { readonly resourceVersion: string; readonly enforcedAt: number }>
  >;
  /** Where its view of the cluster comes from. */
  readonly source?: 'none' | 'stream' | 'watches';
  /** Where its rules live. */
  readonly dataplane?: { readonly backEnd: string };
}

/** Asks a program on its unix socket; undefined when it doesn't answer. */
export function askSocket<T>(socketPath: string, path: string, timeoutMs = 2000): Promise<T | undefined> {
  return new Promise(resolve => {
    const question = request({ socketPath, path, timeout: timeoutMs, agent: false }, answer => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', () => resolve(undefined));
      answer.on('end', () => {
        try {
          resolve(
            answer.statusCode === 200 ? (JSON.parse(Buffer.concat(chunks).toString()) as T) : undefined,
          );
        } catch {
          resolve(undefined);
        }
      });
    });
    question.on('timeout', () => question.destroy());
    question.on('error', () => resolve(undefined));
    question.end();
  });
}
