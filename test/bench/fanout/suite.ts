import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { bundleFiles } from '../../../deploy/build.ts';
import { Authority } from '../../fanout/authority.ts';
import type { Emit } from '../figure.ts';
import type { Size } from './world.ts';

interface Cpu {
  readonly user: number;
  readonly system: number;
}

/** What `controller.ts` says of itself. */
interface ControllerFigures {
  readonly port: number;
  readonly loadMs: number;
  readonly ms: number;
  readonly rss: number;
  readonly peak: number;
  readonly cpu: Cpu;
  readonly told: number;
  readonly bytes: number;
  readonly wholes: number;
  readonly kept: number;
  readonly listening: number;
}

/** What `agent.ts` says of itself. */
interface AgentFigures {
  readonly faults: number;
  readonly rss: number;
  readonly cpu: Cpu;
  readonly messages: number;
  readonly bytes: number;
  readonly endpoints: number;
  readonly policies: number;
  readonly members: number;
}

const MB = 1e6;
const total = ({ user, system }: Cpu) => (user + system) / 1e6;

/**
 * One controller's fan-out over TLS to every node of a made-up cluster: a process for it, one for each of two whole agents,
 * and a few that carry the other nodes' streams. Goals: agent < 120 MB, controller < 3 GB, 1,000 events/s.
 */
export async function run(emit: Emit, { quick = false }: { readonly quick?: boolean } = {}): Promise<void> {
  const size: Size = quick
    ? { nodes: 100, pods: 10_000, policies: 500 }
    : { nodes: 1_000, pods: 100_000, policies: 5_000 };
  const title = `${size.nodes} nodes, ${size.pods} pods, ${size.policies} policies`;
  const report = (name: string, value: number, unit: string, peer?: string, peerValue?: number) =>
    emit({
      ...{ suite: 'fanout', case: title, name, value, unit },
      ...(peer !== undefined && peerValue !== undefined && { peer, peerValue }),
    });
  const folder = mkdtempSync(`${tmpdir()}/msl-bench-fanout-`);
  const children: ChildProcess[] = [];
  const start = <T>(file: string, ...args: readonly string[]) => {
    const child = fork(`${folder}/${file}.mjs`, args, {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    children.push(child);
    return { child, first: answer<T>(child) };
  };
  try {
    // As the image has them: reading TypeScript costs a process tens of megabytes.

    await bundleFiles(
      { controller: 'test/bench/fanout/controller.ts', agent: 'test/bench/fanout/agent.ts' },
      folder,
    );
    const authority = await Authority.make(folder, 'ca');
    await authority.issue('muslin-controller', ['muslin-controller']);
    const names = Array.from({ length: size.nodes }, (_, i) => `node-${i}`);
    for (const name of names) await authority.issue(`system:node:${name}`);

    const controller = start<ControllerFigures>('controller', folder, JSON.stringify(size));
    const { port, loadMs } = await controller.first;
    report('load of the controller', loadMs / 1000, 's');
    const of = (how: string, ...nodes: readonly string[]) =>
      start<AgentFigures>('agent', how, folder, `${port}`, JSON.stringify(size), ...nodes);
    const streamed = of('stream', 'node-0');
    const agent = await streamed.first;
    const watching = of('watches', 'node-0');
    const watcher = await watching.first;
    watching.child.disconnect();
    report('agent memory', agent.rss / MB, 'MB', 'own watches', watcher.rss / MB);
    report('agent CPU to be ready', total(agent.cpu), 's', 'own watches', total(watcher.cpu));
    report('first telling of a node', agent.bytes / 1000, 'kB');
    for (const what of ['endpoints', 'policies', 'members'] as const)
      report(`${what} of a node`, agent[what], 'count', 'own watches', watcher[what]);

    const joining = performance.now();
    const carriers = [0, 1, 2].map(part => of('light', ...names.slice(1).filter((_, i) => i % 3 === part)));
    await Promise.all(carriers.map(({ first }) => first));
    report('until every node was told the whole', (performance.now() - joining) / 1000, 's');
    const idle = await ask<ControllerFigures>(controller.child, { collect: true });
    report('streams', idle.listening, 'count');
    report('controller memory', idle.rss / MB, 'MB');
    report('controller memory at the peak', idle.peak / MB, 'MB');

    const count = quick ? 2_000 : 10_000;
    const before = await ask<AgentFigures>(streamed.child, {});
    const busy = await ask<ControllerFigures>(controller.child, { count, perTick: 20 });
    const cpu = total(busy.cpu) - total(idle.cpu);
    report('events that were worked off', count / (busy.ms / 1000), '1/s');
    report('controller CPU of an event', (cpu / count) * 1000, 'ms');
    report('nodes told at each flush with news', (busy.told - idle.told) / count, 'nodes/event');
    report('bytes of an event, all nodes together', (busy.bytes - idle.bytes) / count, 'bytes');
    report('controller memory under events', busy.peak / MB, 'MB');
    report('kept for slow agents', busy.kept / MB, 'MB');
    const after = await ask<AgentFigures>(streamed.child, {});
    report('messages to one agent', (after.messages - before.messages) / count, 'messages/event');
    report(
      'agent CPU of an event of the cluster',
      ((total(after.cpu) - total(before.cpu)) / count) * 1000,
      'ms',
    );
    report('agent memory after the events', after.rss / MB, 'MB');
    report('streams that broke', after.faults, 'count');
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

function ask<T>(child: ChildProcess, question: object): Promise<T> {
  const said = answer<T>(child);
  child.send(question);
  return said;
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve(message as T));
    child.once('exit', code => reject(new Error(`a process of the bench ended with ${code}`)));
  });
}
