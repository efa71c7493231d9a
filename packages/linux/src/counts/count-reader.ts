import { NFT_TABLE, type TableName } from '@muslin/dataplane';
import { type Family, fail, ok, type Result } from '@muslin/net';
import { formatMember, readMember, readMemberCount } from '../ipset/ipset-member.ts';
import { listRequest, readListedPart } from '../ipset/ipset-requests.ts';
import { eachAttribute } from '../netlink/message-reader.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import { NETLINK, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import { AF, openSocket, SOCK } from '../sockets.ts';
import type { SystemFault } from '../system-calls.ts';
import { systemCalls } from '../syscalls.ts';
import { legacyRuleCounts } from './legacy-counts.ts';
import { nftMemberCounts, nftRuleCounts } from './nft-counts.ts';
import type { MemberCount, RuleCount } from './rule-count.ts';

/** Where rules are: in our own nftables table, or in the tables of an iptables. */
export type CountedBackEnd = 'nftables' | 'iptables-nft' | 'iptables-legacy';

const IPPROTO_RAW = 255;

/** iptables-legacy is asked through these; without its family there is none. */
type RawSockets = Readonly<Record<Family, Result<number, SystemFault>>>;

/** Reads what rules and members of sets of ours have counted, in one network namespace. It changes nothing. */
export class CountReader {
  readonly #netlink: NetlinkSocket;
  readonly #raw: RawSockets;

  private constructor(netlink: NetlinkSocket, raw: RawSockets) {
    this.#netlink = netlink;
    this.#raw = raw;
  }

  /** Opens the sockets of a namespace (absent: the calling thread's). */
  static open(namespace?: Namespace): Result<CountReader, SystemFault> {
    const netlink = inNamespace(namespace, () => NetlinkSocket.open(NETLINK.netfilter));
    if (!netlink.ok) return netlink;
    const raw = (domain: number) => inNamespace(namespace, () => openSocket(domain, SOCK.raw, IPPROTO_RAW));
    return ok(new CountReader(netlink.value, { 4: raw(AF.inet), 6: raw(AF.inet6) }));
  }

  /** The rules of one table: of one chain, or all. iptables-legacy always looks at the whole table. */
  rules(
    backEnd: CountedBackEnd,
    family: Family,
    table: TableName,
    chain?: string,
  ): Result<readonly RuleCount[], NetlinkFault | SystemFault> {
    if (backEnd === 'nftables') return nftRuleCounts(this.#netlink, family, NFT_TABLE, chain);
    if (backEnd === 'iptables-nft') return nftRuleCounts(this.#netlink, family, table, chain);
    const fd = this.#raw[family];
    if (!fd.ok) return fd;
    const read = legacyRuleCounts(fd.value, family, table);
    return read.ok && chain !== undefined ? ok(read.value.filter(rule => rule.chain === chain)) : read;
  }

  /** The members of one set that have counted anything. */
  members(
    backEnd: CountedBackEnd,
    family: Family,
    set: string,
  ): Result<readonly MemberCount[], NetlinkFault> {
    if (backEnd === 'nftables') return nftMemberCounts(this.#netlink, family, set);
    const dumped = this.#netlink.dump(listRequest(set), message => {
      const found: MemberCount[] = [];
      eachAttribute(readListedPart(message)?.members ?? new Uint8Array(), 0, (_, bytes) => {
        const member = readMember(bytes, family);
        const count = readMemberCount(bytes);
        if (member !== undefined && count.packets > 0) found.push({ member: formatMember(member), ...count });
      });
      return found;
    });
    if (!dumped.ok) return dumped.fault.code === 'ENOENT' ? ok([]) : fail(dumped.fault);
    return ok(dumped.value.flat());
  }

  close(): void {
    this.#netlink.close();
    for (const fd of [this.#raw[4], this.#raw[6]]) if (fd.ok) systemCalls().close(fd.value);
  }
}
