import type { KubeClient, Resource } from '@muslin/kube';
import { formatIp } from '@muslin/net';
import type { SpeakerProgram } from './speaker-program.ts';

const BGP_NODE_STATUS: Resource = {
  group: 'muslin.dev',
  version: 'v1alpha1',
  plural: 'bgpnodestatuses',
  kind: 'BGPNodeStatus',
  namespaced: false,
};

/** The status that everybody may read: one object per node, named after it. */
export function statusOf(program: SpeakerProgram): object {
  const { desired } = program;
  const time = (at: number) => new Date(program.wallClock(at)).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    ...(desired === undefined ? {} : { routerID: formatIp(desired.routerId), asNumber: desired.asNumber }),
    peers: program.peers().map(peer => {
      const sum = (field: 'received' | 'accepted' | 'advertised') =>
        peer.families.reduce((n, family) => n + family[field], 0);
      return {
        address: formatIp(peer.remoteIp),
        asNumber: peer.asNumber,
        type: peer.type,
        state: peer.state,
        since: time(peer.since),
        ...(peer.lastError === undefined || peer.state === 'Established'
          ? {}
          : { lastError: peer.lastError.slice(0, 512) }),
        families: peer.families.filter(family => family.agreed).map(family => family.family),
        prefixesReceived: sum('received'),
        prefixesAccepted: sum('accepted'),
        prefixesAdvertised: sum('advertised'),
      };
    }),
    routesLearned: program.fib.size,
  };
}

/** Writes the status soon after something changed, never more than once in `everyMs`, again and again until it is there. */
export class Reporter {
  readonly #client: KubeClient;
  readonly #node: string;
  readonly #program: () => SpeakerProgram;
  readonly #log: (line: string) => void;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #written = '';
  #stopped = false;

  constructor(options: {
    readonly client: KubeClient;
    readonly node: string;
    readonly program: () => SpeakerProgram;
    readonly log: (line: string) => void;
    readonly everyMs?: number;
  }) {
    this.#client = options.client;
    this.#node = options.node;
    this.#program = options.program;
    this.#log = options.log;
    this.#everyMs = options.everyMs ?? 250;
  }

  /** Something changed. */
  poke(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#write(), this.#everyMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #write(): Promise<void> {
    this.#timer = undefined;
    const status = statusOf(this.#program());
    const text = JSON.stringify(status);
    if (text === this.#written) return;
    const name = { name: this.#node };
    const apiVersion = `${BGP_NODE_STATUS.group}/${BGP_NODE_STATUS.version}`;
    const base = { apiVersion, kind: BGP_NODE_STATUS.kind, metadata: name };
    const how = { fieldManager: 'muslin-speaker', force: true } as const;
    const body = {
      ...base,
      status: { ...status, lastUpdated: new Date().toISOString().replace(/\.\d+Z$/, 'Z') },
    };
    const write = () =>
      this.#client.patch(BGP_NODE_STATUS, name, { type: 'apply', body }, { ...how, subresource: 'status' });
    let done = await write();
    if (!done.ok && done.fault.code === 'NotFound') {
      const made = await this.#client.patch(
        BGP_NODE_STATUS,
        name,
        { type: 'apply', body: { ...base, spec: {} } },
        how,
      );
      done = made.ok ? await write() : made;
    }
    if (done.ok) this.#written = text;
    else {
      this.#log(`status: ${done.fault.message}`);
      this.#timer = setTimeout(() => void this.#write(), 2000);
      this.#timer.unref();
    }
  }
}
