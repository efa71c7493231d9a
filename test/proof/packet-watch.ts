import { execFileSync } from 'node:child_process';
import { type Namespace, systemCalls, withNamespace } from '@muslin/linux';
import { frameOf, HOPS, type RawPacket } from './raw-packet.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;

/** Sends frames out of `eth0` of a namespace. */
export class FrameSender {
  readonly #fd: number;
  readonly #address: Uint8Array;
  readonly #to: Uint8Array;

  /** @param to MAC address of the other end. Throws when the kernel refuses. */
  constructor(netns: string, namespace: Namespace, to: string) {
    const link = JSON.parse(
      execFileSync('ip', ['-n', netns, '-j', 'link', 'show', 'eth0'], { encoding: 'utf8' }),
    );
    const opened = withNamespace(namespace, () => systemCalls().socket(AF_PACKET, SOCK_RAW, 0));
    if (!opened.ok) throw new Error(opened.fault.message);
    this.#fd = must('socket', opened.value);
    this.#to = new Uint8Array(to.split(':').map(part => Number.parseInt(part, 16)));
    // struct sockaddr_ll (packet(7)).
    this.#address = new Uint8Array(20);
    const view = new DataView(this.#address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setInt32(4, link[0].ifindex, true);
    view.setUint8(11, 6);
    this.#address.set(this.#to, 12);
  }

  send(packet: RawPacket): void {
    must('sendto', systemCalls().sendTo(this.#fd, frameOf(packet, this.#to), 0, this.#address));
  }

  close(): void {
    systemCalls().close(this.#fd);
  }
}

function must(call: string, result: number): number {
  if (result >= 0) return result;
  throw new Error(`${call}: errno ${-result}`);
}

/** How far a packet came on the node: past the first hook, to the node itself, or on to somebody else. */
export const STAGES = ['tracked', 'delivered', 'forwarded'] as const;
export type Stage = (typeof STAGES)[number];

const HOOK = {
  tracked: 'prerouting priority -250',
  delivered: 'input priority 300',
  forwarded: 'forward priority 300',
};

/** Notes which packets of ours came how far, behind whatever rules there are. Its table is its own. */
export const WATCH = [
  'add table inet watch',
  'delete table inet watch',
  'table inet watch {',
  ...STAGES.flatMap(stage => [
    `set ${stage}4 { typeof ip id; flags dynamic; size 65535; }`,
    `set ${stage}6 { typeof ip6 flowlabel; flags dynamic; size 65535; }`,
    `chain ${stage} {`,
    `type filter hook ${HOOK[stage]}; policy accept;`,
    `ip ttl { ${HOPS - 1}, ${HOPS} } add @${stage}4 { ip id }`,
    `ip6 hoplimit { ${HOPS - 1}, ${HOPS} } add @${stage}6 { ip6 flowlabel }`,
    '}',
  ]),
  '}',
].join('\n');

/** The packets of each stage, from `nft -j list table inet watch`. */
export function seenIn(listing: string): Readonly<Record<Stage, ReadonlySet<number>>> {
  const { nftables } = JSON.parse(listing) as {
    readonly nftables: readonly {
      readonly set?: { readonly name: string; readonly elem?: readonly number[] };
    }[];
  };
  const seen = { tracked: new Set<number>(), delivered: new Set<number>(), forwarded: new Set<number>() };
  for (const { set } of nftables)
    if (set !== undefined) for (const id of set.elem ?? []) seen[set.name.slice(0, -1) as Stage].add(id);
  return seen;
}
