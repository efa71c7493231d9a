/** One thing that a node's kernel should have. */
export interface KernelNeed {
  /** As `modprobe` calls it. */
  readonly module: string;
  readonly why: string;
  readonly option: string;
  /** Without it something is left out; others are needed. */
  readonly optional?: true;
}

/** Modules, what each is for, and the option that builds it in (Linux Kconfig). */
export const KERNEL_NEEDS: readonly KernelNeed[] = [
  {
    module: 'ip_tables',
    option: 'CONFIG_IP_NF_IPTABLES',
    why: 'rules, when iptables keeps them (legacy)',
    optional: true,
  },
  { module: 'nf_tables', option: 'CONFIG_NF_TABLES', why: 'rules, when nftables or iptables-nft keeps them' },
  { module: 'nft_compat', option: 'CONFIG_NFT_COMPAT', why: 'iptables-nft', optional: true },
  { module: 'nf_conntrack', option: 'CONFIG_NF_CONNTRACK', why: 'answers of allowed connections pass' },
  {
    module: 'nf_conntrack_netlink',
    option: 'CONFIG_NF_CT_NETLINK',
    why: 'cutting connections that a changed policy denies',
  },
  { module: 'nf_nat', option: 'CONFIG_NF_NAT', why: 'natOutgoing of pools' },
  { module: 'ip_set', option: 'CONFIG_IP_SET', why: 'members of selectors, when iptables keeps the rules' },
  {
    module: 'ip_set_hash_net',
    option: 'CONFIG_IP_SET_HASH_NET',
    why: 'prefixes in rules, when iptables keeps them',
  },
  {
    module: 'xt_set',
    option: 'CONFIG_NETFILTER_XT_SET',
    why: 'rules that name sets, when iptables keeps them',
  },
  { module: 'xt_mark', option: 'CONFIG_NETFILTER_XT_MARK', why: 'verdicts on their way through chains' },
  {
    module: 'xt_conntrack',
    option: 'CONFIG_NETFILTER_XT_MATCH_CONNTRACK',
    why: 'states of connections in iptables',
  },
  {
    module: 'xt_comment',
    option: 'CONFIG_NETFILTER_XT_MATCH_COMMENT',
    why: 'the name of the policy at its rule',
  },
  { module: 'xt_addrtype', option: 'CONFIG_NETFILTER_XT_MATCH_ADDRTYPE', why: 'traffic to the node itself' },
  {
    module: 'xt_multiport',
    option: 'CONFIG_NETFILTER_XT_MATCH_MULTIPORT',
    why: 'lists of ports in iptables',
  },
  {
    module: 'xt_NFLOG',
    option: 'CONFIG_NETFILTER_XT_TARGET_NFLOG',
    why: 'flow logs (muslinctl flows)',
    optional: true,
  },
  {
    module: 'nfnetlink_log',
    option: 'CONFIG_NETFILTER_NETLINK_LOG',
    why: 'flow logs (muslinctl flows)',
    optional: true,
  },
  { module: 'veth', option: 'CONFIG_VETH', why: 'links of pods' },
  { module: 'vxlan', option: 'CONFIG_VXLAN', why: 'pools with vxlanMode', optional: true },
  { module: 'ipip', option: 'CONFIG_NET_IPIP', why: 'pools with ipipMode', optional: true },
  { module: 'wireguard', option: 'CONFIG_WIREGUARD', why: 'encryption between nodes', optional: true },
  {
    module: 'tcp_md5',
    option: 'CONFIG_TCP_MD5SIG',
    why: 'passwords of BGP sessions (RFC 2385)',
    optional: true,
  },
];

/** What stands for the kernel's own lists. */
export interface KernelLists {
  /** `/proc/modules`. */
  readonly loaded: string;
  /** `modules.builtin` and `modules.dep` of the kernel that runs. */
  readonly builtin: string;
  readonly available: string;
  /** `/boot/config-*` or `/proc/config.gz`. */
  readonly config: string;
}

/** Where a need is met; undefined: nothing says so. */
export type Met = 'loaded' | 'built in' | 'a module' | undefined;

export function metBy({ module, option }: KernelNeed, lists: KernelLists): Met {
  const name = module.replaceAll('-', '_');
  const names = (text: string) => text.split(/\s+/).some(word => bare(word) === name);
  if (lists.loaded.split('\n').some(line => line.split(' ')[0] === name)) return 'loaded';
  if (names(lists.builtin) || new RegExp(`^${option}=y$`, 'm').test(lists.config)) return 'built in';
  if (lists.available.split('\n').some(line => bare(line.split(':')[0] ?? '') === name)) return 'a module';
  return new RegExp(`^${option}=m$`, 'm').test(lists.config) ? 'a module' : undefined;
}

const bare = (path: string) =>
  path
    .replace(/^.*\//, '')
    .replace(/\.ko(\..*)?$/, '')
    .replaceAll('-', '_');
