/** One request to the executable, and what it must come to: 0, or a code of CNI 1.1 §Error. */
export interface CniRow {
  readonly says: string;
  readonly command: string;
  /** Beside a whole environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Beside a whole configuration of version 1.1.0. */
  readonly config?: object;
  /** In place of the configuration. */
  readonly input?: string;
  readonly code: number;
  /** What the error's message must hold. */
  readonly message?: string;
}

const ATTACHED = ['ADD', 'CHECK', 'DEL'] as const;
const EVERY = [...ATTACHED, 'GC', 'STATUS'] as const;
/** Names with which each command can't go on, in the order of the specification. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  GC: ['CNI_PATH'],
  STATUS: ['CNI_PATH'],
};

const rows = (
  commands: readonly string[],
  says: string,
  code: number,
  row: Omit<CniRow, 'says' | 'command' | 'code'>,
): readonly CniRow[] => commands.map(command => ({ says: `${command} with ${says}`, command, code, ...row }));

/** Requests that leave nothing behind, to an agent that runs and knows no container of theirs. */
export const CNI_TABLE: readonly CniRow[] = [
  ...EVERY.flatMap(command =>
    (NEEDS[command] ?? []).flatMap(name => [
      ...rows([command], `no ${name}`, 4, { env: { [name]: undefined }, message: `[${name}] missing` }),
      ...rows([command], `an empty ${name}`, 4, { env: { [name]: '' }, message: `[${name}] missing` }),
    ]),
  ),
  ...EVERY.map(command => ({
    ...{ says: `${command} with no variables at all names all at once`, command, code: 4 },
    env: Object.fromEntries((NEEDS[command] ?? []).map(name => [name, undefined])),
    message: `required env variables [${(NEEDS[command] ?? []).join(',')}] missing`,
  })),
  ...rows(['FLY', 'add', ' ADD'], 'a name of no command', 4, { message: 'CNI_COMMAND' }),
  ...['-a', 'a/b', 'a b', '.', 'ä', 'a\nb'].flatMap(id =>
    rows(ATTACHED, `container ID ${JSON.stringify(id)}`, 4, {
      env: { CNI_CONTAINERID: id },
      message: 'invalid characters in containerID',
    }),
  ),
  ...['.', '..', 'a/b', 'a:b', 'a b', 'sixteen-letters-', 'ääääääää', 'a\tb'].flatMap(name =>
    rows(ATTACHED, `interface name ${JSON.stringify(name)}`, 4, {
      env: { CNI_IFNAME: name },
      message: 'interface name',
    }),
  ),
  ...['', ' ', '{', 'null', '[]', '"x"', '1', '{"cniVersion":1}', '{"cniVersion":"one"}'].flatMap(input =>
    rows(EVERY, `input ${JSON.stringify(input)}`, 6, { input }),
  ),
  ...['9.0.0', '0.1.1', '1.1', '1.2.0', '0.0.0', '10.0.0'].flatMap(cniVersion =>
    rows(EVERY, `version ${cniVersion}`, 1, { config: { cniVersion }, message: 'incompatible CNI versions' }),
  ),
  ...rows(EVERY, 'no network name', 7, { config: { name: undefined }, message: 'missing network name' }),
  ...rows(EVERY, 'an empty network name', 7, { config: { name: '' }, message: 'missing network name' }),
  ...['-n', 'a b', 'a/b', '.x'].flatMap(name =>
    rows(EVERY, `network name ${name}`, 7, { config: { name }, message: 'network name' }),
  ),
  ...['0.1.0', '0.2.0', '0.3.0', '0.3.1'].flatMap(cniVersion =>
    rows(['CHECK'], `version ${cniVersion}`, 1, {
      config: { cniVersion },
      message: 'config version does not allow CHECK',
    }),
  ),
  ...['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'].flatMap(cniVersion =>
    rows(['GC', 'STATUS'], `version ${cniVersion}`, 1, { config: { cniVersion } }),
  ),
  ...['K8S', 'A=1;B', '=x'].flatMap(args =>
    rows(['ADD'], `CNI_ARGS ${args}`, 4, { env: { CNI_ARGS: args }, message: 'CNI_ARGS' }),
  ),
  ...['COLOUR=red', 'COLOUR=red;IgnoreUnknown=0', 'IgnoreUnknown=false;COLOUR=red'].flatMap(args =>
    rows(['ADD'], `CNI_ARGS ${args}`, 4, { env: { CNI_ARGS: args }, message: 'COLOUR' }),
  ),
  ...rows(['ADD'], 'IgnoreUnknown of neither kind', 4, {
    env: { CNI_ARGS: 'IgnoreUnknown=perhaps' },
    message: 'IgnoreUnknown',
  }),
  ...rows(['ADD'], 'no pod in CNI_ARGS', 4, { env: { CNI_ARGS: undefined }, message: 'K8S_POD_NAME' }),
  ...['/run/netns/there-is-none', '/etc/passwd', '/tmp', '/proc/self/ns/mnt', '/dev/null'].flatMap(path =>
    rows(['ADD'], `namespace ${path}`, 8, { env: { CNI_NETNS: path }, message: 'namespace' }),
  ),
  ...rows(['ADD'], 'a pipe for its namespace', 8, {
    env: { CNI_NETNS: 'PIPE' },
    message: 'is no network namespace',
  }),
  ...['run/netns/x', '../netns', 'x'].flatMap(path =>
    rows(['ADD'], `namespace ${path}`, 8, { env: { CNI_NETNS: path }, message: 'no absolute path' }),
  ),
  ...rows(['ADD'], 'a link to no namespace', 8, {
    env: { CNI_NETNS: '/proc/self/exe' },
    message: 'namespace',
  }),
  ...rows(['ADD'], 'a container ID that is no file’s name', 4, {
    env: { CNI_CONTAINERID: 'c'.repeat(201) },
    message: 'longer than 200',
  }),
  ...rows(['DEL'], 'a container ID that is no file’s name', 0, { env: { CNI_CONTAINERID: 'c'.repeat(201) } }),
  ...rows(['ADD'], 'the node’s own namespace', 8, {
    env: { CNI_NETNS: 'OWN' },
    message: 'own network namespace',
  }),
  ...rows(['ADD'], 'a list for prevResult', 6, { config: { prevResult: [] }, message: 'prevResult' }),
  ...rows(['ADD'], 'the loopback interface', 4, { env: { CNI_IFNAME: 'lo' }, message: 'lo already exists' }),
  ...['host-local', []].flatMap(ipam =>
    rows(['ADD'], `ipam ${JSON.stringify(ipam)}`, 7, { config: { ipam }, message: 'ipam must be an object' }),
  ),
  ...['../host-local', '.', 'a b', 7].flatMap(type =>
    rows(['ADD'], `ipam.type ${type}`, 7, { config: { ipam: { type } }, message: 'ipam.type' }),
  ),
  ...rows(['ADD'], 'pools of ipam that are no list', 7, {
    config: { ipam: { type: 'calico-ipam', ipv4_pools: 'x' } },
    message: 'ipv4_pools',
  }),
  ...['no-such', '../x', 7].flatMap(type =>
    rows(['DEL'], `ipam.type ${type}`, 0, { config: { ipam: { type } } }),
  ),
  ...rows(['ADD'], 'an IPAM plugin that is not there', 7, {
    config: { ipam: { type: 'no-such' } },
    message: 'no-such is in no folder of CNI_PATH',
  }),
  ...rows(['DEL'], 'an ipam of Calico', 0, { config: { ipam: { type: 'calico-ipam', assign_ipv4: 7 } } }),
  ...rows(['ADD'], 'an mtu that is none', 7, { config: { mtu: -1 }, message: 'mtu' }),
  ...rows(['ADD'], 'a group’s mac', 7, { config: { runtimeConfig: { mac: 'ff:ff:ff:ff:ff:ff' } } }),
  ...[{ mac: { toString: 1 } }, { ips: [{ toString: 1 }] }, { portMappings: [{ protocol: {} }] }].flatMap(
    config =>
      rows(['ADD'], `runtimeConfig ${JSON.stringify(config)}`, 7, { config: { runtimeConfig: config } }),
  ),
  ...rows(['ADD'], 'ips of nowhere', 7, { config: { runtimeConfig: { ips: ['x'] } } }),
  ...rows(['ADD'], 'an address outside all pools', 100, {
    config: { runtimeConfig: { ips: ['203.0.113.1'] } },
  }),
  ...rows(['ADD'], 'a port that is none', 7, {
    config: { runtimeConfig: { portMappings: [{ hostPort: -1, containerPort: 80 }] } },
  }),
  ...rows(['ADD'], 'a rate that is none', 7, {
    config: { runtimeConfig: { bandwidth: { ingressRate: -1 } } },
  }),
  ...rows(['CHECK'], 'a container that nobody knows', 3, { message: 'has no interface eth0' }),
  ...rows(['DEL'], 'a container that nobody knows', 0, {}),
  ...rows(['DEL'], 'no namespace', 0, { env: { CNI_NETNS: undefined } }),
  ...rows(['DEL'], 'an empty namespace', 0, { env: { CNI_NETNS: '' } }),
  ...rows(['DEL'], 'a namespace that is gone', 0, { env: { CNI_NETNS: '/run/netns/there-is-none' } }),
  ...rows(['DEL'], 'a configuration that went bad', 0, {
    config: { mtu: 'x', prevResult: 'x', runtimeConfig: { ips: 7, mac: 'x', portMappings: 'x' } },
  }),
  ...rows(['STATUS'], 'a whole request', 0, {}),
  ...rows(['GC'], 'no list', 0, {}),
  ...rows(['GC'], 'a list of null', 0, { config: { 'cni.dev/valid-attachments': null } }),
  ...rows(['GC'], 'a list that is none', 7, { config: { 'cni.dev/valid-attachments': 'all' } }),
  ...rows(['GC'], 'half an attachment', 7, { config: { 'cni.dev/valid-attachments': [{ ifname: 'eth0' }] } }),
  ...rows(['GC'], 'a network of somebody else', 0, {
    config: { name: 'other', 'cni.dev/valid-attachments': [] },
  }),
];
