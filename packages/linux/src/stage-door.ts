import type { Op } from '@muslin/dataplane';
import { type Family, ok } from '@muslin/net';
import type { IptablesDriver } from './iptables/iptables-driver.ts';
import type { KernelDoor } from './kernel-door.ts';
import { NetlinkWriter } from './netlink/message-writer.ts';
import { planRequests } from './nft/nft-requests.ts';

const ROOM = 64 << 10;

/**
 * A door behind which nothing is, for rehearsals: it holds nothing, takes every plan, and writes what nftables would be sent,
 * but sends it nowhere.
 */
export function openStage(): KernelDoor {
  const writer = new NetlinkWriter(ROOM);
  const done = () => Promise.resolve(ok(undefined));
  const none = () => Promise.resolve(ok(''));
  const iptables = (family: Family): IptablesDriver => ({
    ...{ family, backend: 'nft', read: none, readAll: none, restore: done, runs: () => false },
    close: () => Promise.resolve(),
  });
  const tables = { 4: iptables(4), 6: iptables(6) };
  const nft = (family: Family) => ({ family, read: done, apply: done, close: () => {} });
  const write = (op: Op & { readonly kind: 'nft' }) => {
    writer.truncate();
    for (const request of planRequests(op.plan) ?? []) {
      writer.begin(request.type, request.flags, 0);
      request.write(writer);
      writer.end();
    }
  };
  return {
    sets: { read: () => Promise.resolve(ok(new Map())), apply: done, close: () => {} },
    tables,
    variants: { nft: tables, legacy: tables },
    nft: { 4: nft(4), 6: nft(6) },
    routes: { read: () => Promise.resolve(ok([])), apply: done, close: () => {} },
    counts: { rules: () => ok([]), members: () => ok([]), close: () => {} },
    apply(plan) {
      for (const op of plan) if (op.kind === 'nft') write(op);
      return done();
    },
    runs: () => false,
    close: () => Promise.resolve(),
  };
}
