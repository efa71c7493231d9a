import { mustPrefix } from '@muslin/net';
import { parseArgs } from 'node:util';
import { Explorer, type Job } from '../../../packages/ipam/test/explorer.ts';
import { pool, podRequest, World } from '../../../packages/ipam/test/world.ts';
import { hammer } from './hammer.ts';

export const USAGE = `npm run proof -- ipam [options]     addresses: every interleaving of three nodes, then many real processes

  --processes N    that take and give back addresses at one API server (32)
  --addresses N    in all (20000)
  --kills N        of these processes (100)
  --seed N         the same seed makes the same choices (1)
`;

/** Runs the model and the hammer; whether all laws held. */
export async function proveIpam(args: readonly string[]): Promise<boolean> {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: { processes: text('32'), addresses: text('20000'), kills: text('100'), seed: text('1') },
  });
  model();
  const [processes = 0, addresses = 0, kills = 0, seed = 0] = [
    ...[values.processes, values.addresses, values.kills, values.seed].map(Number),
  ];
  if (![processes, addresses, kills, seed].every(Number.isInteger) || processes < 1) {
    process.stderr.write(USAGE);
    return false;
  }
  const begun = performance.now();
  const found = await hammer({ processes, addresses, kills, seed });
  const seconds = Math.round((performance.now() - begun) / 1000);
  const { doubles, leaks } = found;
  process.stdout.write(
    `${processes} processes, ${found.allocated} addresses, ${found.kills} kills, ${found.conflicts} conflicts: ${doubles.length} doubles, ${leaks.length} leaks, ${seconds} s\n`,
  );
  for (const line of [...doubles, ...leaks].slice(0, 20)) process.stdout.write(`  ${line}\n`);
  return doubles.length + leaks.length === 0;
}

/** Throws when a law is broken. */
function model(): void {
  const tiny = [pool('10.0.0.0/30', 31)];
  const add = (node: string, name: string): Job => ({ do: 'add', request: podRequest(node, name, tiny) });
  const tell = (what: string, found: { readonly states: number; readonly ends: number }) =>
    process.stdout.write(`${what}: ${found.states} states, ${found.ends} ends, every law held\n`);
  for (const afterCrash of ['del', 'forget', 'retry'] as const) {
    const nodes = ['a', 'b', 'c'].map(name => ({
      ...{ name, jobs: [add(name, `${name}1`)], afterCrash, mayCrash: name === 'a' },
    }));
    tell(
      `three nodes, two blocks, one dies anywhere, then ${afterCrash}`,
      new Explorer(tiny).explore(new World(), nodes, 1),
    );
  }
  const one = [pool('10.0.0.0/31', 31)];
  const jobs = (name: string): Job[] => [
    { do: 'add', request: podRequest(name, `${name}1`, one) },
    { do: 'del', pod: `${name}1`, handleId: `k8s-pod-network.${name}1` },
    { do: 'add', request: podRequest(name, `${name}2`, one) },
  ];
  const calm = { afterCrash: 'del', mayCrash: false } as const;
  const two = ['a', 'b'].map(name => ({ name, jobs: jobs(name), ...calm }));
  tell('two nodes, two old answers', new Explorer(one).explore(new World(), two, 0, 2));
  const eight = [pool('10.0.0.0/29', 29)];
  const hold: Job = { do: 'settle', node: 'a', cidr: mustPrefix('10.0.0.0/29'), keep: 2 };
  const grab: Job = { do: 'take', request: podRequest('a', 'a2', eight) };
  const owner: Job[] = [{ do: 'add', request: podRequest('a', 'a1', eight) }, hold, grab, hold];
  const actors = [
    { name: 'a', jobs: owner, ...calm },
    { name: 'b', jobs: [{ do: 'add', request: podRequest('b', 'b1', eight) } as const], ...calm },
  ];
  tell('kept addresses, two old answers', new Explorer(eight).explore(new World(), actors, 0, 2));
}
