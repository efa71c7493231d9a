import { type Ip, type Prefix, samePrefix } from '@muslin/net';
import { prependAs } from '../wire/as-path.ts';
import type { PathAttributes } from '../wire/attributes.ts';
import { encodeMessage } from '../wire/message.ts';
import { emptyNlri, type Nlri, nlriSize, packNlri } from '../wire/nlri.ts';
import { PLAIN_OPTIONS, type WireOptions } from '../wire/options.ts';
import type { RouteFamily } from '../wire/route-family.ts';
import type { MrtRecord } from './mrt-record.ts';
import { decodeRibAttributes } from './rib-attributes.ts';

/** How a table dump is told to a speaker. */
export interface FeedOptions {
  /** Only the paths of this peer, by its index in the dump; a TABLE_DUMP has none. Default: the first path of each prefix. */
  readonly peer?: number;
  /** Put in front of each AS path, as the feeding speaker must in another AS (RFC 4271 §5.1.2); what stays inside an AS is left out. */
  readonly prepend?: number;
  /** The next hop of all routes of its family; default is the one in the dump. */
  readonly nextHops?: { readonly 4?: Ip; readonly 6?: Ip };
  /** What the session agreed on. Default: four-octet AS numbers, 4096 octets. */
  readonly wire?: WireOptions;
}

/** LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST don't leave an AS (RFC 4271 §5.1.5, RFC 4456 §8); dumps of BIRD have them. */
function withoutInternal(attributes: PathAttributes): PathAttributes {
  const { localPref: _, originatorId: __, clusterList: ___, ...rest } = attributes;
  return rest;
}

interface Bucket {
  readonly family: RouteFamily;
  readonly attributes: PathAttributes;
  readonly routes: Nlri[];
  /** Room for routes that is left in the message. */
  room: number;
}

/** Prefixes that wait for others with the same attributes. */
const MOST_WAITING = 20_000;
/** Octets of an UPDATE beside its attributes and IPv4 routes, an IPv6 next hop and what `prepend` adds among them. */
const FRAME = 96;
/** Octets of an IPv6 route. */
const LONGEST_ROUTE = 17;

/** Turns the records of a table dump into UPDATE messages that a session can send, prefixes with equal attributes together. */
export class TableFeed {
  readonly #options: FeedOptions;
  readonly #buckets = new Map<string, Bucket>();
  #waiting = 0;
  #lastOld: Prefix | undefined;
  /** Paths that could not be read, whose next hop has the wrong family, or whose attributes fill a message. */
  skipped = 0;

  constructor(options: FeedOptions = {}) {
    this.#options = options;
  }

  /** Takes a record; gives the messages that are full. */
  add(record: MrtRecord): readonly Uint8Array[] {
    const attributes = this.#chosen(record);
    if (attributes === undefined || !('prefix' in record)) return [];
    const family = record.prefix.ip.family === 6 ? 'ipv6-unicast' : 'ipv4-unicast';
    const key = `${record.kind} ${family} ${String.fromCharCode(...attributes)}`;
    const known = this.#buckets.get(key);
    const bucket = known ?? this.#newBucket(family, attributes, record.kind === 'rib');
    if (bucket === undefined) {
      this.skipped++;
      return [];
    }
    if (known === undefined) this.#buckets.set(key, bucket);
    return this.#put(key, bucket, record.prefix);
  }

  /** Gives what is left. */
  end(): readonly Uint8Array[] {
    const messages = [...this.#buckets.values()].map(bucket => this.#message(bucket));
    this.#buckets.clear();
    this.#waiting = 0;
    return messages;
  }

  /** The attributes of the path to tell; records of a TABLE_DUMP with one prefix follow each other. */
  #chosen(record: MrtRecord): Uint8Array | undefined {
    const { peer } = this.#options;
    if (record.kind === 'rib')
      return (peer === undefined ? record.paths[0] : record.paths.find(p => p.peer === peer))?.attributes;
    if (record.kind !== 'route' || peer !== undefined) return undefined;
    const told = this.#lastOld !== undefined && samePrefix(this.#lastOld, record.prefix);
    this.#lastOld = record.prefix;
    return told ? undefined : record.attributes;
  }

  #put(key: string, bucket: Bucket, prefix: Prefix): readonly Uint8Array[] {
    bucket.routes.push({ prefix, pathId: 0 });
    bucket.room -= nlriSize(prefix.length, false);
    if (++this.#waiting > MOST_WAITING) return this.end();
    if (bucket.room >= LONGEST_ROUTE) return [];
    this.#buckets.delete(key);
    this.#waiting -= bucket.routes.length;
    return [this.#message(bucket)];
  }

  #newBucket(family: RouteFamily, bytes: Uint8Array, fourOctetAs: boolean): Bucket | undefined {
    const { prepend, nextHops = {}, wire = PLAIN_OPTIONS } = this.#options;
    const read = decodeRibAttributes(bytes, fourOctetAs);
    if (!read.ok) return undefined;
    // AS numbers of two octets grow to four.
    const room = wire.maxLength - FRAME - bytes.length * (fourOctetAs ? 1 : 2);
    if (room < LONGEST_ROUTE) return undefined;
    const forced = nextHops[family === 'ipv4-unicast' ? 4 : 6];
    const nextHop = forced === undefined ? read.value.nextHop : { ip: forced };
    if (nextHop === undefined || (family === 'ipv6-unicast') !== (nextHop.ip.family === 6)) return undefined;
    const asPath = read.value.asPath ?? [];
    const attributes = {
      ...(prepend !== undefined || wire.external ? withoutInternal(read.value) : read.value),
      nextHop,
      asPath: prepend === undefined ? asPath : prependAs(asPath, prepend),
    };
    return { family, attributes, routes: [], room };
  }

  #message({ family, attributes, routes }: Bucket): Uint8Array {
    const nlri = packNlri(family, routes);
    const none = emptyNlri('ipv4-unicast');
    const base = { kind: 'update', withdrawn: none, faults: [] } as const;
    const { nextHop, ...rest } = attributes;
    const message =
      family === 'ipv4-unicast'
        ? { ...base, announced: nlri, attributes }
        : {
            ...base,
            announced: none,
            attributes: rest,
            mpReach: { nlri, ...(nextHop !== undefined && { nextHop }) },
          };
    return encodeMessage(message, this.#options.wire ?? PLAIN_OPTIONS);
  }
}
