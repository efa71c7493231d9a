import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { checkMutations } from './mutation-check.ts';
import { Proof, type ProofOptions } from './proof.ts';
import { story } from './story.ts';

const USAGE = `npm run proof -- [options]     specification = graph = compiled rules = kernel, on random policies

  --rounds N       sets of policies, each replacing the last (200)
  --flows N        connections to try in each round (80)
  --nodes N        worker nodes (2)
  --seed N         the same seed rolls the same policies and connections (the time)
  --iptables X     nft, legacy or both (both)
  --id NAME        name of the lab (proof)

npm run proof -- ipam [options]      addresses: every interleaving of three nodes, then many real processes
npm run proof -- runtimes            the CNI executables: a table of requests, and pods of a real containerd
`;

interface Wanted extends Omit<ProofOptions, 'iptables'> {
  readonly rounds: number;
  readonly mutations: number;
  readonly backends: readonly ProofOptions['iptables'][];
}

function read(args: readonly string[]): Wanted | string {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: text('200'),
        flows: text('80'),
        nodes: text('2'),
        seed: text(String(Date.now() % 2 ** 31)),
        iptables: text('both'),
        id: text('proof'),
        mutations: text('20'),
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return USAGE;
    const { mutations, ...given } = values;
    const numbers = [given.rounds, given.flows, given.nodes, given.seed, mutations].map(Number);
    const [rounds = 0, flows = 0, nodes = 0, seed = 0, states = 0] = numbers;
    if (numbers.some(n => !Number.isInteger(n) || n < 0) || rounds < 1 || nodes < 1)
      return `--rounds, --flows, --nodes, --seed and --mutations take whole numbers\n\n${USAGE}`;
    const backend = values.iptables;
    if (backend !== 'nft' && backend !== 'legacy' && backend !== 'both')
      return `--iptables takes nft, legacy or both, not "${backend}"`;
    return {
      rounds,
      flows,
      nodes,
      seed,
      mutations: states,
      id: values.id,
      backends: backend === 'both' ? ['nft', 'legacy'] : [backend],
    };
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`;
  }
}

/** True when every round agreed. */
async function prove(wanted: Wanted, iptables: ProofOptions['iptables']): Promise<boolean> {
  const { rounds, mutations: _, ...options } = wanted;
  const started = performance.now();
  const proof = await Proof.up({ ...options, iptables });
  const stop = () => void proof.down().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let [allowed, denied] = [0, 0];
  try {
    for (let i = 1; i <= rounds; i++) {
      const round = await proof.next();
      allowed += round.allowed;
      denied += round.denied;
      if (round.disagreements.length > 0) {
        process.stdout.write(
          `iptables-${iptables}, seed ${options.seed}, round ${i}: not agreed\n${story(round)}\n`,
        );
        const least = await proof.shrink(round);
        process.stdout.write(
          least.disagreements.length > 0
            ? `\nthe least that still disagrees:\n${story(least)}\n`
            : '\nit does not come again from these policies alone: the transition matters\n',
        );
        return false;
      }
      if (i % 20 === 0) process.stdout.write(`iptables-${iptables}: ${i} rounds agree\n`);
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await proof.down();
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(
    `iptables-${iptables}, seed ${options.seed}: ${rounds} rounds, ${allowed} connections allowed and ${denied} denied, all agree, ${seconds} s\n`,
  );
  return true;
}

if (process.argv[2] === 'ipam') {
  const { proveIpam } = await import('./ipam/main.ts');
  process.exit((await proveIpam(process.argv.slice(3))) ? 0 : 1);
}
if (process.argv[2] === 'runtimes') {
  const test = ['--project', 'kernel', 'packages/agent/test/runtimes.kernel.test.ts'];
  const args = ['run', '--config', 'test/vitest.config.ts', ...test];
  const done = spawnSync('node_modules/.bin/vitest', args, {
    stdio: 'inherit',
    env: { ...process.env, RUNTIMES: 'long' },
  });
  process.exit(done.status ?? 1);
}
const wanted = read(process.argv.slice(2));
if (typeof wanted === 'string') {
  const help = wanted === USAGE;
  (help ? process.stdout : process.stderr).write(`${wanted.trimEnd()}\n`);
  process.exit(help ? 0 : 2);
}
let good =
  wanted.mutations === 0 ||
  checkMutations(wanted.mutations, wanted.seed, line => process.stdout.write(`${line}\n`));
for (const iptables of wanted.backends)
  good =
    (await prove(wanted, iptables).catch((error: Error) => {
      process.stderr.write(`iptables-${iptables}: ${error.message}\n`);
      return false;
    })) && good;
process.exit(good ? 0 : 1);
