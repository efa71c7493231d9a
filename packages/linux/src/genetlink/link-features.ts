import { ok, type Result } from '@muslin/net';
import { nest, readFields, text, writeFields } from '../netlink/attribute.ts';
import { eachAttribute } from '../netlink/message-reader.ts';
import { NLA } from '../netlink/message-writer.ts';
import type { NetlinkFault } from '../netlink/netlink-fault.ts';
import type { NetlinkRequest, NetlinkSocket } from '../netlink/netlink-socket.ts';
import { findFamily, GENERIC_HEADER, genericHeader } from './generic-family.ts';

/** uapi/linux/ethtool_netlink.h. */
const ETHTOOL = { name: 'ethtool', version: 1, getFeatures: 11, setFeatures: 12 } as const;
/** ETHTOOL_A_FEATURES_*. */
const FEATURES = { header: 1, wanted: 3, active: 4 } as const;
const HEADER = nest(FEATURES.header, { name: text(2) });
/** ETHTOOL_A_BITSET_BITS, its BIT, and in that NAME and VALUE. */
const BITS = 3;
const BIT = 1;
const BIT_ATTRIBUTES = { name: text(2) } as const;
const VALUE = 3;

/** The request that turns one offload of a link on or off, by ethtool's name for it. Others stay as they are. */
export function setFeatureRequest(
  family: number,
  link: string,
  feature: string,
  on: boolean,
): NetlinkRequest {
  return {
    type: family,
    flags: 0,
    call: () => `turn ${feature} of ${link} ${on ? 'on' : 'off'}`,
    write: w => {
      genericHeader(w, ETHTOOL.setFeatures, ETHTOOL.version);
      writeFields(w, { header: HEADER }, { header: { name: link } });
      // A set of named bits without NOMASK: those that are named change, to 0 where there is no VALUE.
      w.attribute(FEATURES.wanted | NLA.nested, () => {
        w.attribute(BITS | NLA.nested, () => {
          w.attribute(BIT | NLA.nested, () => {
            writeFields(w, BIT_ATTRIBUTES, { name: feature });
            if (on) w.attribute(VALUE, () => {});
          });
        });
      });
    },
  };
}

/** The request for the offloads of a link. */
export function getFeaturesRequest(family: number, link: string): NetlinkRequest {
  return {
    type: family,
    flags: 0,
    call: () => `read features of ${link}`,
    write: w => {
      genericHeader(w, ETHTOOL.getFeatures, ETHTOOL.version);
      writeFields(w, { header: HEADER }, { header: { name: link } });
    },
  };
}

/** The names of offloads that are on, in an answer to `getFeaturesRequest`. */
export function decodeFeatures(payload: Uint8Array): ReadonlySet<string> {
  const names = new Set<string>();
  eachAttribute(payload, GENERIC_HEADER, (type, active) => {
    if (type !== FEATURES.active) return;
    eachAttribute(active, 0, (kind, bits) => {
      if (kind !== BITS) return;
      eachAttribute(bits, 0, (_, bit) => {
        const { name } = readFields(BIT_ATTRIBUTES, bit);
        if (name !== undefined) names.add(name);
      });
    });
  });
  return names;
}

/** Offloads of links, by ethtool's generic netlink (Linux 5.6). */
export class LinkFeatures {
  readonly #socket: NetlinkSocket;
  readonly #family: number;

  private constructor(socket: NetlinkSocket, family: number) {
    this.#socket = socket;
    this.#family = family;
  }

  /** ENOENT on kernels that can't be asked so. The socket is a generic one. */
  static of(socket: NetlinkSocket): Result<LinkFeatures, NetlinkFault> {
    const family = findFamily(socket, ETHTOOL.name);
    return family.ok ? ok(new LinkFeatures(socket, family.value)) : family;
  }

  /** Names of what is on. */
  active(link: string): Result<ReadonlySet<string>, NetlinkFault> {
    const found = this.#socket.query(getFeaturesRequest(this.#family, link), message =>
      message.type === this.#family ? decodeFeatures(message.payload) : undefined,
    );
    return found.ok ? ok(found.value[0] ?? new Set()) : found;
  }

  /** Turns one on or off; one that the link does not have is no fault. */
  set(link: string, feature: string, on: boolean): Result<void, NetlinkFault> {
    const done = this.#socket.query(setFeatureRequest(this.#family, link, feature, on), () => undefined);
    return done.ok ? ok(undefined) : done;
  }
}
