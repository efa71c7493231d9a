import { execFileSync } from 'node:child_process';
import type { Space } from './spaces.ts';

/** What kube-proxy, Docker and an admin put into iptables, shortened but in their shape. */
const IPTABLES = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ERIFXISQEP7F7OF4 - [0:0]
:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:DOCKER - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A KUBE-SERVICES -d 10.96.0.77/32 -p tcp -m comment --comment "shop/api:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-ERIFXISQEP7F7OF4
-A KUBE-SVC-ERIFXISQEP7F7OF4 -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-AAAAAAAAAAAAAAAA
-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -m tcp -j DNAT --to-destination 10.244.99.1:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:DOCKER-USER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:KUBE-FORWARD - [0:0]
:admin - [0:0]
-A INPUT -m comment --comment "by hand, 2019; ask Jo" -j admin
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A DOCKER-USER -j RETURN
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A admin -s 192.0.2.66/32 -p tcp -m multiport --dports 22,23 -j REJECT --reject-with tcp-reset
COMMIT
`;

/** kube-proxy's table in nftables mode, and one of an admin whose names look like ours. */
const NFTABLES = `table ip kube-proxy {
  comment "rules for kube-proxy"
  map service-ips {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { 10.96.0.1 . tcp . 443 : goto service-2QRHZV4L-default/kubernetes/tcp/https }
  }
  map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  chain service-2QRHZV4L-default/kubernetes/tcp/https { numgen random mod 1 vmap { 0 : goto endpoint-x }; }
  chain endpoint-x { meta l4proto tcp dnat to 10.0.0.9:6443; }
  chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }
  chain nat-prerouting { type nat hook prerouting priority -100; policy accept; jump services; }
}
table inet muslin2 {
  set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.128/25 } }
  chain msl-FORWARD { type filter hook prerouting priority -350; policy accept; ip saddr @blocked drop comment "msl:not ours"; }
}
`;

/** What firewalld and Docker's nftables back end make, in their shape: base chains around ours, before and behind. */
const FIREWALLS = `table inet firewalld {
  chain mangle_PREROUTING { type filter hook prerouting priority -140; policy accept; }
  chain filter_PREROUTING {
    type filter hook prerouting priority 10; policy accept;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT {
    type filter hook input priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    jump filter_INPUT_ZONES
  }
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    jump filter_FORWARD_ZONES
  }
  chain filter_INPUT_ZONES { iifname "public0" goto filter_IN_public; }
  chain filter_FORWARD_ZONES { iifname "public0" counter packets 0 bytes 0; }
  chain filter_IN_public { tcp dport 22 accept; ip protocol icmp accept; }
}
table ip docker-bridges {
  map filter-forward-in-jumps {
    type ifname : verdict
    elements = { "docker0" : jump filter-forward-in__docker0 }
  }
  chain filter-FORWARD { type filter hook forward priority 0; policy accept; oifname vmap @filter-forward-in-jumps; }
  chain filter-forward-in__docker0 { ct state established,related accept; drop comment "UNPUBLISHED PORT DROP"; }
  chain nat-POSTROUTING { type nat hook postrouting priority 100; policy accept; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
}
`;

/** Puts them into a node. */
export function addForeignRules({ name }: Space): void {
  const feed = (input: string, ...words: readonly string[]) =>
    execFileSync('ip', ['netns', 'exec', name, ...words], { input, stdio: ['pipe', 'ignore', 'inherit'] });
  feed(IPTABLES, 'iptables-nft-restore', '--noflush');
  feed(IPTABLES, 'iptables-legacy-restore', '--noflush');
  for (const tables of [NFTABLES, FIREWALLS]) feed(tables, 'nft', '-f', '-');
  feed('create admin hash:ip\nadd admin 192.0.2.1\n', 'ipset', 'restore');
}

/** Everything in a node that is not Muslin's, as the tools print it, without counters. */
export function foreignRules(node: Space): readonly string[] {
  const plain = (text: string) =>
    text
      .split('\n')
      .filter(line => !line.startsWith('#') && !/\bmsl/.test(line))
      .map(line => line.replace(/^(:\S+ \S+) \[\d+:\d+\]$/, '$1'));
  return [
    ...['nft', 'legacy'].flatMap(variant =>
      ['iptables', 'ip6tables'].flatMap(tool => plain(node.run(`${tool}-${variant}-save`)).filter(isRule)),
    ),
    node.run('nft', 'list', 'table', 'ip', 'kube-proxy'),
    ...['inet muslin2', 'inet firewalld', 'ip docker-bridges'].map(table =>
      // Its counter counts on.
      node.run('nft', '-s', 'list', 'table', ...table.split(' ')),
    ),
    node.run('ipset', 'save', 'admin'),
  ];
}

/** Tables that iptables makes by being asked, and chains that every table has, are nobody's. */
const isRule = (line: string) => line !== '' && !/^(\*|COMMIT|:[A-Z]+ ACCEPT$)/.test(line);
