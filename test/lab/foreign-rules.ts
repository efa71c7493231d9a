import { execa } from 'execa';

/** What an admin and kube-proxy might have put into a node: rules, sets and a table of their own. */
const RULES = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ERIFXISQEP7F7OF4 - [0:0]
:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES -d 10.96.0.77/32 -p tcp -m comment --comment "shop/api:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-ERIFXISQEP7F7OF4
-A KUBE-SVC-ERIFXISQEP7F7OF4 -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-AAAAAAAAAAAAAAAA
-A KUBE-SEP-AAAAAAAAAAAAAAAA -s 10.244.99.1/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m tcp -j DNAT --to-destination 10.244.99.1:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE
COMMIT
*filter
:KUBE-FORWARD - [0:0]
:admin-blocks - [0:0]
-A INPUT -m comment --comment "by hand, 2019; ask Jo" -j admin-blocks
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -j admin-blocks
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A admin-blocks -m set --match-set admin-nets src -j DROP
-A admin-blocks -s 192.0.2.66/32 -p tcp -m multiport --dports 22,23 -j REJECT --reject-with tcp-reset
COMMIT
`;
const SETS = `create admin-nets hash:net family inet hashsize 1024 maxelem 65536 comment
add admin-nets 192.0.2.0/25 comment "lab of the university"
add admin-nets 198.51.100.7
`;
const TABLE = `table inet admin {
  set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.128/25 } }
  chain early { type filter hook prerouting priority -350; policy accept; ip saddr @blocked drop; }
}
`;

/** Runs a tool in a node; throws with its own words when it fails. */
export async function inNode(netns: string, command: string, input?: string): Promise<string> {
  const done = await execa('ip', ['netns', 'exec', netns, ...command.split(' ')], {
    ...(input === undefined ? {} : { input }),
    timeout: 20_000,
  });
  return done.stdout;
}

/** Puts the foreign things into a node's namespace. */
export async function addForeignRules(netns: string): Promise<void> {
  await inNode(netns, 'ipset restore', SETS);
  await inNode(netns, 'iptables-restore --noflush', RULES);
  await inNode(netns, 'nft -f -', TABLE);
}

/** Everything in a node that is not Muslin's, as the tools print it, without counters. */
export async function foreignRules(netns: string): Promise<string> {
  const [rules, sets, table] = await Promise.all([
    savedRules(netns),
    inNode(netns, 'ipset save'),
    inNode(netns, 'nft list table inet admin'),
  ]);
  const foreign = (text: string) => text.split('\n').filter(line => !/\bmsl/.test(line));
  return [...foreign(rules), ...foreign(sets), table].join('\n');
}

/** All rules of a node, ours among them, without counters and dates. */
export async function savedRules(netns: string): Promise<string> {
  const text = await inNode(netns, 'iptables-save');
  return text
    .split('\n')
    .filter(line => !line.startsWith('#'))
    .map(line => line.replace(/^(:\S+ \S+) \[\d+:\d+\]$/, '$1'))
    .join('\n');
}
