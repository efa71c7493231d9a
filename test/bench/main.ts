import { type Emit, formatFigure } from './figure.ts';

/** What a suite exports. */
interface Suite {
  run(emit: Emit, options: Options): Promise<void> | void;
}

/** What of a suite is wanted. All but `quick` is for the suite `bgp`, `cases` for `cni` and `policy` too; absent is everything, three times. */
interface Options {
  readonly quick: boolean;
  readonly peers?: readonly string[];
  readonly cases?: readonly string[];
  readonly rounds?: readonly string[];
}

const SUITES: Readonly<Record<string, () => Promise<readonly Suite[]>>> = {
  lab: async () => [await import('./lab.ts')],
  bgp: async () => [await import('./bgp/suite.ts')],
  fanout: async () => [await import('./fanout/suite.ts')],
  cni: async () => [await import('./cni/suite.ts')],
  cli: async () => [await import('./cli.ts')],
  policy: async () => [
    await import('../../packages/policy/bench/graph.ts'),
    await import('../../packages/policy/bench/judge.ts'),
    await import('../../packages/dataplane/bench/run.ts'),
  ],
};

const [name = '', ...flags] = process.argv.slice(2);
const load = SUITES[name];
const wanted = (flag: string) =>
  flag === '--quick' ||
  (name === 'bgp' && /^--(peers|cases|rounds)=./.test(flag)) ||
  ((name === 'cni' || name === 'policy') && /^--cases=./.test(flag));
const USAGE = `npm run -s bench -- SUITE [--quick]
suites: ${Object.keys(SUITES).join(', ')}
bgp also takes --peers=bird,frr,gobgp,openbgpd --cases=relay,feeders,reflector,mesh,slow --rounds=3
cni also takes --cases=nftables-1,nftables-8,nftables-32,nftables-full,iptables-1,...
policy also takes --cases=graph,questions,proof,programming,big-set,packets
`;
if (name === '--help') {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (load === undefined || !flags.every(wanted)) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const listOf = (flag: string) => {
  const given = flags.find(text => text.startsWith(`--${flag}=`));
  return given === undefined ? {} : { [flag]: given.slice(flag.length + 3).split(',') };
};
const options: Options = {
  quick: flags.includes('--quick'),
  ...listOf('peers'),
  ...listOf('cases'),
  ...listOf('rounds'),
};
/** Suites that are made of several parts say which part in the case. */
const emit: Emit = figure => {
  const title = figure.suite === name ? figure.case : `${figure.suite}: ${figure.case}`;
  process.stdout.write(`${formatFigure({ ...figure, suite: name, case: title })}\n`);
};
for (const suite of await load()) await suite.run(emit, options);
process.exit(0);
