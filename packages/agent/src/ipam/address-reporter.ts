import type { addressNodeStatus, StatusOf } from '@muslin/api';
import { type KubeClient, RESOURCES } from '@muslin/kube';
import type { Result } from '@muslin/net';
import { OwnStatus } from '../own-status.ts';
import { TurnTimer } from '../turn-timer.ts';
import type { AddressLedger } from './address-ledger.ts';
import type { Sighted } from './address-witness.ts';

type Status = NonNullable<StatusOf<typeof addressNodeStatus>>;

/** What is said of the node's own address. */
export interface NodeAddressWord {
  readonly well: boolean;
  readonly message: string;
}

/** What telling takes. */
export interface AddressReporterOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  /** Reads kernel and disk; a text says why that failed. */
  readonly look: () => Result<Sighted, string>;
  readonly ledger: AddressLedger;
  /** UID of the Node object, once it is known: what the node said goes with it. */
  readonly nodeUid: () => string | undefined;
  /** The address that others know this node by, or what is wrong with it; undefined: not chosen yet. */
  readonly nodeAddress?: () => NodeAddressWord | undefined;
  /** Whether the tunnels that the cluster asks for stand; undefined: it asks for none. */
  readonly overlay?: () => NodeAddressWord | undefined;
  readonly log: (line: string) => void;
  /** Shortest time between two writes, ms. Default 10 s. */
  readonly everyMs?: number;
  /**
   * An unchanged status is told again after this, ms: the collector believes what was written after it missed an
   * address. Default 4 min, shorter than the time between two of its looks.
   */
  readonly refreshMs?: number;
}

/** Writes which addresses this node has to its AddressNodeStatus: right after it looked, and never what it saw before. */
export class AddressReporter {
  readonly #options: AddressReporterOptions;
  readonly #timer = new TurnTimer(() => this.#turn());
  readonly #own: OwnStatus;
  #told = '';
  #toldAt = Number.NEGATIVE_INFINITY;
  #fault = '';
  #last: Status = {};

  constructor(options: AddressReporterOptions) {
    this.#options = options;
    this.#own = new OwnStatus({ ...options, resource: RESOURCES.AddressNodeStatus });
    options.ledger.onEntry = () => this.poke();
  }

  /** Something may have changed. */
  poke(): void {
    const { everyMs = 10_000 } = this.#options;
    this.#timer.wait(Math.max(0, this.#toldAt + everyMs - performance.now()));
  }

  stop(): void {
    this.#timer.stop();
  }

  async #turn(): Promise<number> {
    const { everyMs = 10_000, refreshMs = 240_000, look, ledger, log, nodeAddress, overlay } = this.#options;
    const at = new Date();
    const status = addressStatus(look(), ledger, this.#last, at, {
      nodeAddress: nodeAddress?.(),
      overlay: overlay?.(),
    });
    const text = JSON.stringify({ ...status, readAt: undefined });
    const due = text !== this.#told || performance.now() - this.#toldAt >= refreshMs;
    const fault = due ? await this.#own.write({ ...status, lastUpdated: at.toISOString() }) : undefined;
    if (due) this.#toldAt = performance.now();
    if (due && fault === undefined) {
      this.#last = status;
      this.#told = text;
    } else if (fault !== undefined) this.#told = '';
    if (fault !== undefined && fault !== this.#fault)
      log(`which addresses this node has can't be told: ${fault}`);
    this.#fault = fault ?? '';
    return everyMs;
  }
}

/** The status after a look; one that failed leaves what was said before, as a doubt. */
export function addressStatus(
  look: Result<Sighted, string>,
  ledger: Pick<AddressLedger, 'entries'>,
  before: Status,
  at: Date,
  { nodeAddress, overlay }: Partial<Record<'nodeAddress' | 'overlay', NodeAddressWord | undefined>> = {},
): Status {
  const doubt = look.ok ? look.value.doubt : `the kernel can't be read: ${look.fault}`;
  const now = at.toISOString();
  const condition = (type: string, holds: boolean, reason: string, message: string) => {
    const status = holds ? ('True' as const) : ('False' as const);
    const earlier = before.conditions?.find(each => each.type === type && each.status === status);
    const lastTransitionTime = earlier?.lastTransitionTime ?? now.replace(/\.\d+Z$/, 'Z');
    return { type, status, reason, message, lastTransitionTime };
  };
  return {
    addresses: look.ok ? [...look.value.addresses] : (before.addresses ?? []),
    readAt: now,
    conditions: [
      condition(
        'Complete',
        doubt === undefined,
        doubt === undefined ? 'Read' : 'InDoubt',
        doubt ?? 'Kernel and sandboxes were read; what is not listed is not in use here',
      ),
      ...(nodeAddress === undefined
        ? []
        : [
            condition(
              'NodeAddress',
              nodeAddress.well,
              nodeAddress.well ? 'Chosen' : 'Trouble',
              nodeAddress.message,
            ),
          ]),
      ...(overlay === undefined
        ? []
        : [condition('Overlay', overlay.well, overlay.well ? 'Stands' : 'Trouble', overlay.message)]),
    ],
    ledger: [...ledger.entries],
  };
}
