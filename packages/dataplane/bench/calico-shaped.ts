import type { ActiveRule, NodeState } from '@muslin/api';
import { setName } from '../src/index.ts';
import { podInterface } from './full-node.ts';

const ACCEPT = '0x10000/0x10000';

/**
 * The same policies in the layout that Calico 3.31's documentation and rendered rules show: dispatch by next
 * character, a chain per endpoint, one chain per policy, a pair of mark and return per rule, a comment with a hash on every rule, policies with one
 * selector in a group chain with a return after every five. Written from a description; Felix itself is not run.
 * Text for `iptables-restore`, both tables.
 */
export function calicoShaped(state: NodeState): string {
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
      const rules = chain(`${from ? 'cali-fw-' : 'cali-tw-'}${podInterface(i)}`);
      rules.push(
        '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-m conntrack --ctstate INVALID -j DROP',
        `-j MARK --set-xmark 0x0/0x30000`,
      );
      if (from) rules.push('-p udp -m multiport --dports 4789 -j DROP', '-p 4 -j DROP');
      for (const tier of plan.tiers[direction]) {
        const group = `cali-${from ? 'go' : 'gi'}-${tier.policies[0]?.split('-')[1] ?? ''}`;
        rules.push('-j MARK --set-xmark 0x0/0x20000', `-m mark --mark 0x0/0x20000 -j ${group}`);
        rules.push(`-m mark --mark ${ACCEPT} -j RETURN`, '-m mark --mark 0x0/0x20000 -j DROP');
        if (chains.has(group)) continue;
        const jumps = chain(group);
        tier.policies.forEach((key, n) => {
          if (n > 0 && n % 5 === 0) jumps.push('-m mark ! --mark 0x0/0x30000 -j RETURN');
          const name = `cali-p${from ? 'o' : 'i'}-${key.slice(-18).replaceAll('/', '_')}`;
          jumps.push(`-m mark --mark 0x0/0x30000 -j ${name}`);
          const body = chain(name);
          for (const rule of state.policies.get(key)?.[direction] ?? []) body.push(...pair(rule, direction));
        });
      }
      rules.push('-j cali-pri-kns.ns', `-m mark --mark ${ACCEPT} -j RETURN`, '-j DROP');
    }
  chain('cali-pri-kns.ns').push(`-j MARK --set-xmark ${ACCEPT}`, `-m mark --mark ${ACCEPT} -j RETURN`);
  chain('cali-FORWARD').push(
    '-j MARK --set-xmark 0x0/0xe0000',
    '-m mark --mark 0x0/0x10000 -j MARK --set-xmark 0x0/0x40000',
    '-i msl+ -j cali-from-wl-dispatch',
    '-o msl+ -j cali-to-wl-dispatch',
  );
  const filter = [...chains].flatMap(([name, rules]) =>
    rules.map(
      (rule, i) => `-A ${name} -m comment --comment "cali:${i.toString(36).padStart(16, '0')}" ${rule}`,
    ),
  );
  return [
    '*raw',
    ':cali-PREROUTING - [0:0]',
    '-A PREROUTING -j cali-PREROUTING',
    '-A cali-PREROUTING -j MARK --set-xmark 0x0/0xf0000',
    '-A cali-PREROUTING -i msl+ -j MARK --set-xmark 0x40000/0x40000',
    '-A cali-PREROUTING -m mark --mark 0x40000/0x40000 -m rpfilter --validmark --invert -j DROP',
    'COMMIT',
    '*filter',
    ...[...chains.keys()].map(name => `:${name} - [0:0]`),
    '-A FORWARD -j cali-FORWARD',
    `-A FORWARD -m mark --mark ${ACCEPT} -j ACCEPT`,
    ...filter,
    'COMMIT',
    '',
  ].join('\n');
}

/** Mark, then return: what a rule of a policy becomes. */
function pair(rule: ActiveRule, direction: 'ingress' | 'egress'): readonly string[] {
  const peer = direction === 'ingress' ? rule.source : rule.destination;
  const words = [`-p ${rule.protocol}`];
  for (const set of peer.inSets ?? [])
    words.push(`-m set --match-set ${setName(set, 4)} ${direction === 'ingress' ? 'src' : 'dst'}`);
  const ports = (rule.destination.ports ?? []).map(({ first, last }) =>
    first === last ? first : `${first}:${last}`,
  );
  if (ports.length > 0) words.push(`-m multiport --dports ${ports.join(',')}`);
  return [
    `${words.join(' ')} -m comment --comment "Policy ${rule.path}" -j MARK --set-xmark ${ACCEPT}`,
    `-m comment --comment "Policy ${rule.path}" -m mark --mark ${ACCEPT} -j RETURN`,
  ];
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
