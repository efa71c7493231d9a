import { execFileSync } from 'node:child_process';
import { changeLink, createNamespace, deleteNamespace, type Namespace, netlinkIn } from '@muslin/linux';
import type { Result } from '@muslin/net';

/** The value of a result; a fault fails the test with its message. */
export function must<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

/** A network namespace of a test. */
export interface Space {
  readonly name: string;
  /** As a runtime names it. */
  readonly path: string;
  readonly namespace: Namespace;
  /** `ip -j …` inside, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what ip prints is not ours to type
  ip(...args: readonly string[]): any[];
  /** Runs a program inside; gives its standard output. */
  run(file: string, ...args: readonly string[]): string;
  close(): void;
}

let count = 0;

/** Makes a namespace with a fresh name and `lo` up. */
export function makeSpace(): Space {
  const name = `msl-t-ag-${process.pid}-${count++}`;
  const namespace = must(createNamespace(name));
  using socket = must(netlinkIn(namespace));
  must(changeLink(socket, 'lo', { up: true }));
  const run = (file: string, ...args: readonly string[]) =>
    execFileSync('ip', ['netns', 'exec', name, file, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  return {
    ...{ name, namespace, run, path: `/run/netns/${name}` },
    ip: (...args) => JSON.parse(run('ip', '-j', ...args) || '[]'),
    close() {
      namespace.close();
      deleteNamespace(name);
    },
  };
}

/** Waits until a question has a good answer. */
export async function until<T>(
  ask: () => T | Promise<T>,
  good: (value: T) => boolean,
  what: string,
  ms = 10_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms; last seen ${JSON.stringify(value)}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
