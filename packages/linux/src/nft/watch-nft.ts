import { NFT_TABLE } from '@muslin/dataplane';
import { ok, type Result } from '@muslin/net';
import { eventPoller } from '../netlink/event-poller.ts';
import {
  type NetlinkMessage,
  readAttributes,
  readBe32,
  readMessages,
  readText,
} from '../netlink/message-reader.ts';
import { NETLINK, openNetlinkFd } from '../netlink/netlink-socket.ts';
import { inNamespace, type Namespace } from '../netns/namespace.ts';
import type { Watch } from '../rtnetlink/watch.ts';
import type { SystemFault } from '../system-calls.ts';
import { CHAIN, MSG, NFGEN, RULE, SUBSYSTEM, TABLE } from './nft-constants.ts';

/** NFNLGRP_NFTABLES */
const GROUP = 7;
/** NFTA_GEN_PROC_PID */
const PROCESS = 2;

/** Chains of iptables that begin with our jump. */
const HOOKS = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/**
 * Tells when a transaction of another process touched our nftables table, or with iptables-nft our chains or those that
 * jump to them. Our own iptables processes are others unless `isOurs` knows their ids. It does not keep the process alive.
 */
export function watchNft(options: {
  readonly onChange: () => void;
  readonly isOurs?: (pid: number) => boolean;
  readonly namespace?: Namespace;
}): Result<Watch, SystemFault> {
  const { onChange, isOurs = () => false, namespace } = options;
  const opened = inNamespace(namespace, () =>
    openNetlinkFd(NETLINK.netfilter, { groups: [GROUP], nonBlocking: true }),
  );
  if (!opened.ok) return opened;
  const seen = foreignChanges(pid => pid === process.pid || isOurs(pid));
  const { stop } = eventPoller().watch(opened.value, {
    onDatagrams: datagrams => {
      // All of them, since each transaction is told of in several.
      const foreign = datagrams.flatMap(datagram => [...readMessages(datagram)].map(seen));
      if (foreign.includes(true)) onChange();
    },
    onLoss: onChange,
  });
  return ok({ stop, [Symbol.dispose]: stop });
}

/** Takes messages in order; true at the end of a transaction of another process that touched what is ours. */
export function foreignChanges(isOwn: (pid: number) => boolean): (message: NetlinkMessage) => boolean {
  let touched = false;
  return message => {
    if (message.type >> 8 !== SUBSYSTEM) return false;
    if ((message.type & 0xff) !== MSG.newGeneration) {
      touched ||= touchesOurs(message);
      return false;
    }
    const by = readAttributes(message.payload, NFGEN).get(PROCESS);
    const foreign = touched && (by === undefined || !isOwn(readBe32(by)));
    touched = false;
    return foreign;
  };
}

const NOTHING = new Uint8Array();

function touchesOurs({ type, payload }: NetlinkMessage): boolean {
  const fields = readAttributes(payload, NFGEN);
  if (readText(fields.get(TABLE.name) ?? NOTHING) === NFT_TABLE) return true;
  const kind = type & 0xff;
  const chain = (at: number) => readText(fields.get(at) ?? NOTHING);
  if (kind === MSG.newRule || kind === MSG.delRule) {
    const name = chain(RULE.chain);
    return name.startsWith('msl-') || HOOKS.has(name);
  }
  return (kind === MSG.newChain || kind === MSG.delChain) && chain(CHAIN.name).startsWith('msl-');
}
