import type { Family } from '@muslin/net';

/** The set types that Muslin uses. */
export type IpsetType = 'hash:net' | 'hash:ip,port';

/** A set's shape. */
export interface IpsetHeader {
  /** At most 31 bytes. */
  readonly name: string;
  readonly type: IpsetType;
  readonly family: Family;
  /** The kernel refuses more members than this. */
  readonly maxelem: number;
}

/** A set with its members in canonical text: `10.0.0.1/32` (hash:net) or `10.0.0.1,tcp:80` (hash:ip,port). */
export interface Ipset extends IpsetHeader {
  readonly members: ReadonlySet<string>;
}

/** One step of a plan. Creating what is there, adding a member again and removing an absent one are no faults. */
export type IpsetOp =
  | ({
      readonly op: 'create';
      /** Buckets to start with: growing costs an RCU grace period at each doubling, so give members / 2. */
      readonly hashsize?: number;
    } & IpsetHeader)
  | { readonly op: 'add' | 'remove'; readonly name: string; readonly members: readonly string[] }
  /** Exchanges the contents of two sets of one kind and family at once. */
  | { readonly op: 'swap'; readonly name: string; readonly other: string }
  | { readonly op: 'rename'; readonly name: string; readonly other: string }
  | { readonly op: 'flush' | 'destroy'; readonly name: string };

/** Set names as ipset(8) takes them; whatever else a name holds could be read as an option or a second command. */
export function checkIpsetName(name: string): string {
  if (!/^[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,30}$/.test(name))
    throw new Error(`${JSON.stringify(name)} can't name an ipset`);
  return name;
}

/** The hash size for an expected number of members: a power of two, at least 64. */
export function hashsizeFor(members: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(1, members / 2))));
}
