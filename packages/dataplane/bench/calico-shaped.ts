import type { ActiveRule, NodeState } from '@muslin/api';
import { setName } from '../src/index.ts';
import { podInterface } from './full-node.ts';

const ACCEPT = '0x10000/0x10000';
const MARKED = `-m mark --mark ${ACCEPT}`;
const PASS_CLEAR = '-m mark --mark 0x0/0x20000';
const note = (text: string) => `-m comment --comment "${text}"`;

/** How Calico is installed. */
export interface CalicoOptions {
  /**
   * Goldmane collects flow logs: between mark and return each rule of a policy tells NFLOG. So it is after the operator's
   * `custom-resources.yaml` (3.30 and later), and not after `calico.yaml`.
   */
  readonly flowLogs: boolean;
}

/**
 * The same policies in the layout that Calico 3.31 writes: dispatch by the next character of the interface and then one
 * after the other, a chain per endpoint, policies with one selector in a group chain with a return after every five, a
 * chain per policy, a pair of mark and return per rule (none after the last), a comment with a hash first in every rule,
 * and the rules for host endpoints, mangle and raw that it has on every node. Left out because both sides need them
 * alike: NAT. Left out in its favour: somebody who listens to NFLOG, and a group for each selector. Written from a
 * description; Felix itself is not run. Text for `iptables-restore`.
 */
export function calicoShaped(state: NodeState, { flowLogs }: CalicoOptions): string {
  const chains = new Map<string, string[]>();
  const chain = (name: string): string[] => {
    const rules = chains.get(name) ?? [];
    chains.set(name, rules);
    return rules;
  };
  const names = [...state.endpoints.values()].map((_, i) => podInterface(i)).toSorted();
  dispatch(names, 'cali-from-wl-dispatch', '-i', 'cali-fw-', chain);
  dispatch(names, 'cali-to-wl-dispatch', '-o', 'cali-tw-', chain);
  for (const [i, plan] of [...state.endpoints.values()].entries())
    for (const direction of ['egress', 'ingress'] as const) {
      const from = direction === 'egress';
      const told = (match: string, prefix: string) => (flowLogs ? [nflog(match, direction, prefix)] : []);
      const rules = chain(`${from ? 'cali-fw-' : 'cali-tw-'}${podInterface(i)}`);
      rules.push(
        '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-m conntrack --ctstate INVALID -j DROP',
        `-j MARK --set-xmark 0x0/0x30000`,
      );
      if (from)
        rules.push(
          `${note('Drop VXLAN encapped packets originating in workloads')} -p udp -m multiport --dports 4789 -j DROP`,
          `${note('Drop IPinIP encapped packets originating in workloads')} -p 4 -j DROP`,
        );
      for (const tier of plan.tiers[direction]) {
        const group = `cali-${from ? 'go' : 'gi'}-${tier.policies[0]?.split('-')[1] ?? ''}`;
        rules.push(
          `${note('Start of tier default')} -j MARK --set-xmark 0x0/0x20000`,
          `${PASS_CLEAR} -j ${group}`,
          `${note('Return if policy accepted')} ${MARKED} -j RETURN`,
          ...told(PASS_CLEAR, `D${from ? 'E' : 'I'}|default`),
          `${note('End of tier default. Drop if no policies passed packet')} ${PASS_CLEAR} -j DROP`,
        );
        if (chains.has(group)) continue;
        const jumps = chain(group);
        tier.policies.forEach((key, n) => {
          if (n > 0 && n % 5 === 0)
            jumps.push(`${note('Return on verdict')} -m mark ! --mark 0x0/0x30000 -j RETURN`);
          const name = `cali-p${from ? 'o' : 'i'}-${key.slice(-18).replaceAll('/', '_')}`;
          // The first of five comes right after a return, and needs no question.
          jumps.push(`${n % 5 === 0 ? '' : '-m mark --mark 0x0/0x30000 '}-j ${name}`);
          const body = (state.policies.get(key)?.[direction] ?? []).flatMap((rule, n) =>
            ruleLines(rule, direction, told(MARKED, `AP${from ? 'E' : 'I'}${n}|${key}`)),
          );
          const [first = '', ...others] = body.slice(0, -1);
          chain(name).push(`${note(`NetworkPolicy ${key} ${direction}`)} ${first}`, ...others);
        });
      }
      const profile = `cali-pr${from ? 'o' : 'i'}-`;
      for (const name of ['kns.ns', 'ksa.ns.default'])
        rules.push(`-j ${profile}${name}`, `${note('Return if profile accepted')} ${MARKED} -j RETURN`);
      rules.push(
        ...told('', `DR${from ? 'E' : 'I'}|no profile`),
        `${note('Drop if no profiles matched')} -j DROP`,
      );
    }
  for (const [way, direction] of [
    ['i', 'ingress'],
    ['o', 'egress'],
  ] as const) {
    chain(`cali-pr${way}-kns.ns`).push(
      `${note('Profile kns.ns')} -j MARK --set-xmark ${ACCEPT}`,
      ...(flowLogs ? [nflog(MARKED, direction, 'ARE0|kns.ns')] : []),
    );
    chain(`cali-pr${way}-ksa.ns.default`).push(note('Profile ksa.ns.default'));
  }
  for (const empty of ['cali-from-hep-forward', 'cali-to-hep-forward', 'cali-cidr-block']) chain(empty);
  chain('cali-FORWARD').push(
    '-j MARK --set-xmark 0x0/0xe0000',
    '-m mark --mark 0x0/0x10000 -j cali-from-hep-forward',
    '-i msl+ -j cali-from-wl-dispatch',
    '-o msl+ -j cali-to-wl-dispatch',
    '-j cali-to-hep-forward',
    '-j cali-cidr-block',
  );
  return [
    ...table(
      'raw',
      new Map([
        [
          'cali-PREROUTING',
          [
            '-j MARK --set-xmark 0x0/0xf0000',
            '-i msl+ -j MARK --set-xmark 0x40000/0x40000',
            '-m mark --mark 0x40000/0x40000 -j cali-rpf-skip',
            '-m mark --mark 0x40000/0x40000 -m rpfilter --validmark --invert -j DROP',
            '-m mark --mark 0x0/0x40000 -j cali-from-host-endpoint',
            `-m mark --mark ${ACCEPT} -j ACCEPT`,
          ],
        ],
        ['cali-rpf-skip', []],
        ['cali-from-host-endpoint', []],
      ]),
      [['PREROUTING', ['-j cali-PREROUTING']]],
    ),
    ...table(
      'mangle',
      new Map([
        [
          'cali-PREROUTING',
          [
            '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
            `-m mark --mark ${ACCEPT} -j ACCEPT`,
            '-j cali-from-host-endpoint',
            `${note('Host endpoint policy accepted packet.')} -m mark --mark ${ACCEPT} -j ACCEPT`,
          ],
        ],
        [
          'cali-POSTROUTING',
          [
            `-m mark --mark ${ACCEPT} -j RETURN`,
            '-j MARK --set-xmark 0x0/0xf0000',
            '-m conntrack --ctstate DNAT -j cali-to-host-endpoint',
            `${note('Host endpoint policy accepted packet.')} -m mark --mark ${ACCEPT} -j RETURN`,
          ],
        ],
        ['cali-from-host-endpoint', []],
        ['cali-to-host-endpoint', []],
      ]),
      [
        ['PREROUTING', ['-j cali-PREROUTING']],
        ['POSTROUTING', ['-j cali-POSTROUTING']],
      ],
    ),
    ...table('filter', chains, [
      [
        'FORWARD',
        [
          '-j cali-FORWARD',
          `${note('Policy explicitly accepted packet.')} -m mark --mark ${ACCEPT} -j ACCEPT`,
          `-j MARK --set-xmark ${ACCEPT}`,
        ],
      ],
    ]),
    '',
  ].join('\n');
}

/** A table whose every rule begins with a comment that holds a hash. */
function table(
  name: string,
  chains: ReadonlyMap<string, readonly string[]>,
  hooks: readonly (readonly [hook: string, rules: readonly string[]])[],
): readonly string[] {
  const lines = (of: string, rules: readonly string[]) =>
    rules.map((rule, i) => `-A ${of} ${note(`cali:${i.toString(36).padStart(16, '0')}`)} ${rule}`);
  return [
    `*${name}`,
    ...[...chains.keys()].map(chain => `:${chain} - [0:0]`),
    ...hooks.flatMap(([hook, rules]) => lines(hook, rules)),
    ...[...chains].flatMap(([chain, rules]) => lines(chain, rules)),
    'COMMIT',
  ];
}

/** Tells flow logs. Nobody listens here: the packet is not copied. */
function nflog(match: string, direction: 'ingress' | 'egress', prefix: string): string {
  return `${match} -j NFLOG --nflog-group ${direction === 'ingress' ? 1 : 2} --nflog-prefix "${prefix}" --nflog-size 80`;
}

/** Mark, tell (perhaps), then return: what a rule of a policy becomes. */
function ruleLines(
  rule: ActiveRule,
  direction: 'ingress' | 'egress',
  told: readonly string[],
): readonly string[] {
  const peer = direction === 'ingress' ? rule.source : rule.destination;
  const words = [`-p ${rule.protocol}`];
  for (const set of peer.inSets ?? [])
    words.push(`-m set --match-set ${setName(set, 4)} ${direction === 'ingress' ? 'src' : 'dst'}`);
  const ports = (rule.destination.ports ?? []).map(({ first, last }) =>
    first === last ? first : `${first}:${last}`,
  );
  if (ports.length > 0) words.push(`-m multiport --dports ${ports.join(',')}`);
  return [`${words.join(' ')} -j MARK --set-xmark ${ACCEPT}`, ...told, `${MARKED} -j RETURN`];
}

/** One chain for each next character, as deep as names share their beginning. */
function dispatch(
  names: readonly string[],
  root: string,
  option: '-i' | '-o',
  target: string,
  chain: (name: string) => string[],
): void {
  const [first = ''] = names;
  let common = 0;
  while (names.every(name => name[common] !== undefined && name[common] === first[common])) common++;
  const rules = chain(root);
  for (const [start, group] of Map.groupBy(names, name => name.slice(0, common + 1))) {
    if (group.length === 1) rules.push(`${option} ${group[0]} -g ${target}${group[0]}`);
    else {
      const leaf = `${root.slice(0, 10)}-${start.slice(3)}`;
      rules.push(`${option} ${start}+ -g ${leaf}`);
      for (const name of group) chain(leaf).push(`${option} ${name} -g ${target}${name}`);
      chain(leaf).push('-j DROP');
    }
  }
  rules.push('-j DROP');
}

/** The sets that the rules look into, for `ipset restore`. */
export function calicoSets(state: NodeState): string {
  const lines: string[] = [];
  for (const [id, set] of state.sets) {
    lines.push(`create ${setName(id, 4)} hash:net family inet maxelem 1048576`);
    for (const member of set.members) lines.push(`add ${setName(id, 4)} ${member}`);
  }
  return `${lines.join('\n')}\n`;
}
