import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../deploy/build.ts';
import { startStandIn } from '../../packages/cli/test/stand-in.ts';
import { type Emit, quantile } from './figure.ts';

const POOL = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.9.0.0/16, natOutgoing: true}
`;

/** Command lines of muslinctl, each with what kubectl says to the same question where it knows it. */
const COMMANDS: readonly (readonly [ours: string, kubectl?: string])[] = [
  ['version --client', 'version --client'],
  ['validate -f pool.yaml'],
  ['apply -f pool.yaml', 'apply -f pool.yaml'],
  ['get ippools', 'get ippools.projectcalico.org'],
  ['get ippools -o yaml', 'get ippools.projectcalico.org -o yaml'],
  ['get nodes', 'get nodes'],
  ['get gnp', 'get globalnetworkpolicies.projectcalico.org'],
  ['ipam show'],
  ['bgp peers'],
  ['policy status'],
  ['doctor'],
];

/** From a command line to its end, as people run it: the bundle, an API server over TLS on this machine. Medians. */
export async function run(emit: Emit, { quick }: { readonly quick: boolean }): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'muslin-bench-cli-'));
  const server = await startStandIn();
  try {
    await bundle(dir);
    writeFileSync(join(dir, 'pool.yaml'), POOL);
    const time = (program: string, line: string) => {
      const start = performance.now();
      const done = spawnSync(program, line.split(' '), {
        cwd: dir,
        env: { PATH: process.env['PATH'], HOME: dir, KUBECONFIG: server.kubeconfig },
        encoding: 'utf8',
      });
      if (done.status !== 0) throw new Error(`${program} ${line}: ${done.stderr}${done.error ?? ''}`);
      return performance.now() - start;
    };
    const rounds = quick ? 5 : 21;
    for (const [ours, theirs] of COMMANDS) {
      // The first one also fills caches: kubectl's of what is served, the kernel's of files.
      const [mine, peers]: [number[], number[]] = [[], []];
      for (let round = 0; round <= rounds; round++) {
        mine.push(time(join(dir, 'bin/muslinctl'), ours));
        if (theirs !== undefined) peers.push(time('kubectl', theirs));
      }
      const median = (times: readonly number[]) => quantile(times.slice(1), 0.5);
      emit({
        ...{ suite: 'cli', case: `muslinctl ${ours}`, name: 'start to end', unit: 'ms' },
        value: median(mine),
        ...(theirs !== undefined && { peer: 'kubectl', peerValue: median(peers) }),
      });
    }
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
