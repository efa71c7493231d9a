/** One room of the house: what it may stand on, and whether it is pure (no Node types, no clock, no I/O). */
export interface Room {
  readonly pure: boolean;
  readonly below: readonly string[];
  /** npm packages that its sources may import. */
  readonly libraries: readonly string[];
}

const MEANING = ['net', 'api', 'policy', 'dataplane', 'ipam', 'bgp'];
const DOORS = ['linux', 'kube'];

/** The drawing of docs/architecture.md as a table; `npm run check` holds the sources to it. */
export const ROOMS: Readonly<Record<string, Room>> = {
  net: { pure: true, below: [], libraries: [] },
  api: { pure: true, below: ['net'], libraries: ['zod'] },
  policy: { pure: true, below: ['net', 'api'], libraries: [] },
  dataplane: { pure: true, below: ['net', 'api'], libraries: ['@noble/hashes'] },
  ipam: { pure: true, below: ['net', 'api'], libraries: [] },
  bgp: { pure: true, below: ['net'], libraries: [] },
  linux: { pure: false, below: ['net', 'api', 'dataplane'], libraries: ['execa'] },
  kube: { pure: false, below: ['net', 'api', 'ipam'], libraries: ['undici', 'yaml'] },
  agent: { pure: false, below: [...MEANING, ...DOORS], libraries: ['pino', 'prom-client'] },
  speaker: { pure: false, below: [...MEANING, ...DOORS], libraries: ['pino', 'prom-client'] },
  controller: {
    pure: false,
    below: [...MEANING, ...DOORS],
    libraries: ['pino', 'prom-client', '@peculiar/x509', 'reflect-metadata'],
  },
  cli: { pure: false, below: [...MEANING, 'kube'], libraries: ['@marcbachmann/cel-js', 'commander', 'yaml'] },
  lab: {
    pure: false,
    below: [...MEANING, ...DOORS],
    libraries: ['@marcbachmann/cel-js', '@peculiar/x509', 'reflect-metadata', 'execa', 'yaml'],
  },
};

/** What may stand at the top of the repository, besides dot files. */
export const TOP_LEVEL: ReadonlySet<string> = new Set([
  ...[
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'README.md',
    'LICENSE',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
  ],
  ...['packages', 'deploy', 'crds', 'test', 'docs'],
]);
