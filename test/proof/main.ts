import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { checkMutations } from './mutation-check.ts';
import { NodeProof } from './node-proof.ts';
import { Proof, type ProofOptions } from './proof.ts';
import { story } from './story.ts';

const USAGE = `npm run proof -- [options]     specification = graph = compiled rules = kernel, on random policies

  --rounds N       sets of policies, each replacing the last (200)
  --flows N        connections to try in each round (80)
  --nodes N        worker nodes (2)
  --seed N         the same seed rolls the same policies and connections (the time)
  --back-end X     nftables, iptables-nft, iptables-legacy or all (all)
  --worlds N       sets of policies and host endpoints on one node, IPv4 and IPv6, on every back end in turn (300)
                   with untracked policies, ICMP, SCTP, other protocols, and packets from forged addresses
  --id NAME        name of the lab (proof)

npm run proof -- ipam [options]      addresses: every interleaving of three nodes, then many real processes
npm run proof -- runtimes            the CNI executables: a table of requests, and pods of a real containerd
npm run proof -- cnitool --cnitool FILE   the CNI executable, driven by libcni's own tool
`;

const BACK_ENDS = ['nftables', 'iptables-nft', 'iptables-legacy'] as const;

interface Wanted extends Omit<ProofOptions, 'backEnd'> {
  readonly rounds: number;
  readonly worlds: number;
  readonly mutations: number;
  readonly backEnds: readonly ProofOptions['backEnd'][];
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
        'back-end': text('all'),
        worlds: text('300'),
        id: text('proof'),
        mutations: text('20'),
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return USAGE;
    const given = [values.rounds, values.flows, values.nodes, values.seed, values.mutations, values.worlds];
    const numbers = given.map(Number);
    const [rounds = 0, flows = 0, nodes = 0, seed = 0, mutations = 0, worlds = 0] = numbers;
    if (numbers.some(n => !Number.isInteger(n) || n < 0) || nodes < 1)
      return `--rounds, --flows, --nodes, --seed, --mutations and --worlds take whole numbers\n\n${USAGE}`;
    const named = values['back-end'];
    const backEnds = BACK_ENDS.filter(backEnd => named === 'all' || named === backEnd);
    if (backEnds.length === 0) return `--back-end takes ${BACK_ENDS.join(', ')} or all, not "${named}"`;
    return {
      rounds,
      flows,
      nodes,
      seed,
      worlds,
      mutations,
      id: values.id,
      backEnds,
    };
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`;
  }
}

/** True when every round agreed. */
async function prove(wanted: Wanted, backEnd: ProofOptions['backEnd']): Promise<boolean> {
  const { rounds, mutations: _, ...options } = wanted;
  const started = performance.now();
  const proof = await Proof.up({ ...options, backEnd });
  const stop = () => void proof.down().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let [allowed, denied] = [0, 0];
  try {
    for (let i = 1; i <= rounds; i++) {
      const round = await proof.next();
      allowed += round.allowed;
      denied += round.denied;
      if (round.disagreements.length > 0) {
        process.stdout.write(`${backEnd}, seed ${options.seed}, round ${i}: not agreed\n${story(round)}\n`);
        const least = await proof.shrink(round);
        process.stdout.write(
          least.disagreements.length > 0
            ? `\nthe least that still disagrees:\n${story(least)}\n`
            : '\nit does not come again from these policies alone: the transition matters\n',
        );
        return false;
      }
      if (i % 20 === 0) process.stdout.write(`${backEnd}: ${i} rounds agree\n`);
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await proof.down();
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(
    `${backEnd}, seed ${options.seed}: ${rounds} rounds, ${allowed} connections allowed and ${denied} denied, all agree, ${seconds} s\n`,
  );
  return true;
}

/** The same on one node of both families, with host endpoints; its rules move from back end to back end. */
async function proveNode({ worlds, seed, flows, backEnds, id }: Wanted): Promise<boolean> {
  const started = performance.now();
  const proof = NodeProof.up({ id, seed, flows });
  const stop = () => void proof.down().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let [allowed, denied, hosts] = [0, 0, 0];
  const shots = { passed: 0, dropped: 0, forged: 0, untracked: 0 };
  try {
    for (let i = 0; i < worlds; i++) {
      const round = await proof.next(backEnds[i % backEnds.length] as (typeof backEnds)[number]);
      allowed += round.allowed;
      denied += round.denied;
      hosts += round.hosts.length;
      for (const key of ['passed', 'dropped', 'forged', 'untracked'] as const) shots[key] += round.shots[key];
      if (round.disagreements.length === 0) continue;
      process.stdout.write(
        `a node on ${round.backEnd}, seed ${seed}, world ${i + 1}: not agreed\n${story(round)}\n`,
      );
      return false;
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await proof.down();
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(
    `a node, IPv4 and IPv6, on ${backEnds.join(', ')}, seed ${seed}: ${worlds} worlds, ${hosts} with a host endpoint, ${allowed} connections allowed and ${denied} denied, ${shots.passed} single packets passed (${shots.untracked} untracked) and ${shots.dropped} dropped, ${shots.forged} of them forged, all agree, ${seconds} s\n`,
  );
  return true;
}

if (process.argv[2] === 'ipam') {
  const { proveIpam } = await import('./ipam/main.ts');
  process.exit((await proveIpam(process.argv.slice(3))) ? 0 : 1);
}
if (process.argv[2] === 'cnitool') {
  const { proveCnitool } = await import('./cnitool.ts');
  process.exit((await proveCnitool(process.argv.slice(3))) ? 0 : 1);
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
const bad = (what: string) => (error: Error) => {
  process.stderr.write(`${what}: ${error.message}\n`);
  return false;
};
if (wanted.worlds > 0) good = (await proveNode(wanted).catch(bad('a node'))) && good;
if (wanted.rounds > 0)
  for (const backEnd of wanted.backEnds) good = (await prove(wanted, backEnd).catch(bad(backEnd))) && good;
process.exit(good ? 0 : 1);
