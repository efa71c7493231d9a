import { execFileSync } from 'node:child_process';
import type { Result } from '@muslin/net';
import { mustIp } from '@muslin/net';
import {
  changeLink,
  createLink,
  createNamespace,
  deleteNamespace,
  type Namespace,
  netlinkIn,
  putAddress,
} from '@muslin/linux';

/** The value of a result; a fault fails the test with its message. */
export function must<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

/** The fault of a result; a success fails the test. */
export function faultOf<F>(result: Result<unknown, F>): F {
  if (result.ok) throw new Error('expected a fault');
  return result.fault;
}

/** One network namespace of a test, with the real tools in it. */
export interface Room {
  readonly name: string;
  readonly namespace: Namespace;
  /** Runs a program inside and gives its standard output. */
  run(file: string, ...args: readonly string[]): string;
  /** `ip -j -d …`, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: what ip prints is not ours to type
  ip(...args: readonly string[]): any[];
}

const IP = 'ip';
let count = 0;

/** Makes namespaces with fresh names. Call the second value in `afterAll`. */
export function rooms(amount: 1): readonly [readonly [Room], () => void];
export function rooms(amount: 2): readonly [readonly [Room, Room], () => void];
export function rooms(amount: 4): readonly [readonly [Room, Room, Room, Room], () => void];
export function rooms(amount: number): readonly [readonly Room[], () => void] {
  const made: Room[] = [];
  for (let i = 0; i < amount; i++) {
    const name = `msl-t-lx-${process.pid}-${count++}`;
    const namespace = must(createNamespace(name));
    const run = (file: string, ...args: readonly string[]) =>
      execFileSync(IP, ['netns', 'exec', name, file, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    const ip = (...args: readonly string[]) => JSON.parse(run('ip', '-j', '-d', ...args) || '[]');
    made.push({ name, namespace, run, ip });
  }
  const close = () => {
    for (const { name, namespace } of made) {
      namespace.close();
      deleteNamespace(name);
    }
  };
  return [made, close];
}

/** Joins two rooms by a veth: `v0` (10.0.0.1, fd00::1) to `v0` (10.0.0.2, fd00::2). */
export function join(left: Room, right: Room): void {
  using a = must(netlinkIn(left.namespace));
  using b = must(netlinkIn(right.namespace));
  const peer = { name: 'v0', namespaceFd: right.namespace.fd };
  must(createLink(a, { kind: 'veth', name: 'v0', up: true, peer }));
  [a, b].forEach((socket, i) => {
    must(changeLink(socket, 'lo', { up: true }));
    must(changeLink(socket, 'v0', { up: true }));
    const link =
      i === 0 ? left.ip('link', 'show', 'v0')[0].ifindex : right.ip('link', 'show', 'v0')[0].ifindex;
    must(putAddress(socket, { link, ip: mustIp(`10.0.0.${i + 1}`), length: 24 }));
    must(putAddress(socket, { link, ip: mustIp(`fd00::${i + 1}`), length: 64, noDad: true }));
  });
}

/** Waits until a condition holds, at most ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('it did not happen within ten seconds');
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
