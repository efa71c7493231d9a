import type { Ipset } from '@muslin/dataplane';

/** A set's shape. */
export type IpsetHeader = Pick<Ipset, 'name' | 'type' | 'family' | 'maxelem' | 'hashsize' | 'counters'>;

/**
 * One request to the kernel. Creating what is there in the same shape, adding a member again and removing an
 * absent one are no faults. Members in canonical text: `10.0.0.1/32` (hash:net), `10.0.0.1,tcp:80` (hash:ip,port).
 */
export type IpsetOp =
  | ({ readonly op: 'create' } & IpsetHeader)
  | { readonly op: 'add' | 'remove'; readonly name: string; readonly members: readonly string[] }
  /** `swap` exchanges the contents of two sets at once; the kernel wants them of one type and family. */
  | { readonly op: 'swap' | 'rename'; readonly name: string; readonly other: string }
  /** Destroying a set that is not there is no fault. */
  | { readonly op: 'flush' | 'destroy'; readonly name: string };

/** Set names as ipset(8) takes them; whatever else a name holds could be read as an option or a second command. */
export function checkIpsetName(name: string): string {
  if (!/^[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,30}$/.test(name))
    throw new Error(`${JSON.stringify(name)} can't name an ipset`);
  return name;
}
