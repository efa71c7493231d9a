import type { addressNodeStatus, StatusOf } from '@muslin/api';
import { type KubeClient, RESOURCES } from '@muslin/kube';
import type { Result } from '@muslin/net';
import type { AddressLedger } from './address-ledger.ts';
import type { Sighted } from './address-witness.ts';

type Status = NonNullable<StatusOf<typeof addressNodeStatus>>;

const RESOURCE = RESOURCES.AddressNodeStatus;
const FIELD_MANAGER = { fieldManager: 'muslin-agent', force: true } as const;

/** What telling takes. */
export interface AddressReporterOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly node: string;
  /** Reads kernel and disk; a text says why that failed. */
  readonly look: () => Result<Sighted, string>;
  readonly ledger: AddressLedger;
  /** UID of the Node object, once it is known: what the node said goes with it. */
  readonly nodeUid: () => string | undefined;
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
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #busy = false;
  #made = false;
  #told = '';
  #toldAt = Number.NEGATIVE_INFINITY;
  #fault = '';
  #last: Status = {};
  #stopped = false;

  constructor(options: AddressReporterOptions) {
    this.#options = options;
    options.ledger.onEntry = () => this.poke();
  }

  /** Something may have changed. */
  poke(): void {
    const { everyMs = 10_000 } = this.#options;
    this.#wait(Math.max(0, this.#toldAt + everyMs - performance.now()));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    if (this.#busy || this.#stopped) return;
    const due = performance.now() + ms;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#turn(), ms);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    const { everyMs = 10_000, refreshMs = 240_000, look, ledger, log } = this.#options;
    this.#timer = undefined;
    this.#busy = true;
    const at = new Date();
    const status = addressStatus(look(), ledger, this.#last, at);
    const text = JSON.stringify({ ...status, readAt: undefined });
    const due = text !== this.#told || performance.now() - this.#toldAt >= refreshMs;
    const fault = due ? await this.#write({ ...status, lastUpdated: at.toISOString() }) : undefined;
    this.#busy = false;
    if (due) this.#toldAt = performance.now();
    if (due && fault === undefined) {
      this.#last = status;
      this.#told = text;
    } else if (fault !== undefined) this.#told = '';
    if (fault !== undefined && fault !== this.#fault)
      log(`which addresses this node has can't be told: ${fault}`);
    this.#fault = fault ?? '';
    this.#wait(everyMs);
  }

  /** Gives why it failed, in words. */
  async #write(status: Status): Promise<string | undefined> {
    const { client, node, nodeUid } = this.#options;
    const uid = nodeUid();
    const owner = { apiVersion: 'v1', kind: 'Node', name: node, uid };
    const base = {
      apiVersion: `${RESOURCE.group}/${RESOURCE.version}`,
      kind: RESOURCE.kind,
      metadata: { name: node },
    } as const;
    const put = () =>
      client.patch(
        RESOURCE,
        { name: node },
        { type: 'apply', body: { ...base, status } },
        { ...FIELD_MANAGER, subresource: 'status' },
      );
    // A status has to have its object first, also when somebody deleted that.
    let done = this.#made ? await put() : undefined;
    if (done === undefined || (!done.ok && done.fault.code === 'NotFound')) {
      const metadata = { name: node, ...(uid !== undefined && { ownerReferences: [owner] }) };
      const make = { type: 'apply', body: { ...base, metadata, spec: {} } } as const;
      const made = await client.patch(RESOURCE, { name: node }, make, FIELD_MANAGER);
      done = made.ok ? await put() : made;
    }
    this.#made = done.ok;
    return done.ok ? undefined : done.fault.message;
  }
}

/** The status after a look; one that failed leaves what was said before, as a doubt. */
export function addressStatus(
  look: Result<Sighted, string>,
  ledger: Pick<AddressLedger, 'entries'>,
  before: Status,
  at: Date,
): Status {
  const doubt = look.ok ? look.value.doubt : `the kernel can't be read: ${look.fault}`;
  const now = at.toISOString();
  const status = doubt === undefined ? 'True' : 'False';
  const earlier = before.conditions?.find(each => each.type === 'Complete' && each.status === status);
  return {
    addresses: look.ok ? [...look.value.addresses] : (before.addresses ?? []),
    readAt: now,
    conditions: [
      {
        ...{ type: 'Complete', status, reason: doubt === undefined ? 'Read' : 'InDoubt' },
        message: doubt ?? 'Kernel and sandboxes were read; what is not listed is not in use here',
        lastTransitionTime: earlier?.lastTransitionTime ?? now.replace(/\.\d+Z$/, 'Z'),
      },
    ],
    ledger: [...ledger.entries],
  };
}
