import type { addressNodeStatus, StatusOf } from '@muslin/api';
import { formatIp, type Ip } from '@muslin/net';

/** One thing that happened to an address, as AddressNodeStatus tells it. */
export type LedgerEntry = NonNullable<NonNullable<StatusOf<typeof addressNodeStatus>>['ledger']>[number];

/** What happened, before it is written down. */
export interface Deed {
  readonly what: LedgerEntry['what'];
  readonly ips: readonly Ip[];
  readonly handleId: string;
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly why: string;
}

/** Entries that the cluster is shown; the log has them all. */
const MOST = 128;
/** Most characters of a reason, and of an AddressNodeStatus' field `why`. */
const LONGEST = 1_024;

/** What this node last did with addresses: who, why. Bounded; the oldest entry goes first. */
export class AddressLedger {
  readonly #log: (entry: LedgerEntry) => void;
  #entries: readonly LedgerEntry[] = [];
  /** Told after each entry. */
  onEntry: () => void = () => {};

  constructor(log: (entry: LedgerEntry) => void) {
    this.#log = log;
  }

  /** Oldest first. */
  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }

  record({ what, ips, handleId, pod, why }: Deed): void {
    const entry: LedgerEntry = {
      at: new Date().toISOString(),
      what,
      ...(ips.length > 0 && { ips: ips.map(formatIp) }),
      handle: handleId.slice(0, 512),
      ...(pod !== undefined && { who: `${pod.namespace}/${pod.name}` }),
      ...(pod !== undefined && pod.uid !== '' && { uid: pod.uid }),
      why: why.slice(0, LONGEST),
    };
    this.#entries = [...this.#entries, entry].slice(-MOST);
    this.#log(entry);
    this.onEntry();
  }
}
