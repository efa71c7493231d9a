import type { Ip, Prefix } from '@muslin/net';
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
  /** Only the paths of this peer, by its index in the dump. Default: the first path of each prefix. */
  readonly peer?: number;
  /** Put in front of each AS path, as the feeding speaker must in another AS (RFC 4271 §5.1.2). */
  readonly prepend?: number;
  /** The next hop of all routes of its family; default is the one in the dump. */
  readonly nextHops?: { readonly 4?: Ip; readonly 6?: Ip };
  /** What the session agreed on. Default: four-octet AS numbers, 4096 octets. */
  readonly wire?: WireOptions;
}

interface Bucket {
  readonly family: RouteFamily;
  readonly attributes: PathAttributes;
  readonly routes: Nlri[];
  octets: number;
}

/** Prefixes that wait for others with the same attributes. */
const MOST_WAITING = 20_000;
/** Room that an UPDATE keeps for its attributes and lengths; what has longer ones gets a message for each prefix. */
const ROOM_FOR_ATTRIBUTES = 1024;

/** Turns the records of a table dump into UPDATE messages that a session can send, prefixes with equal attributes together. */
export class TableFeed {
  readonly #options: FeedOptions;
  readonly #buckets = new Map<string, Bucket>();
  #waiting = 0;
  /** Paths that could not be read, or whose next hop has the wrong family. */
  skipped = 0;

  constructor(options: FeedOptions = {}) {
    this.#options = options;
  }

  /** Takes a record; gives the messages that are full. */
  add(record: MrtRecord): readonly Uint8Array[] {
    if (record.kind !== 'rib') return [];
    const { peer } = this.#options;
    const path = peer === undefined ? record.paths[0] : record.paths.find(p => p.peer === peer);
    if (path === undefined) return [];
    const key = `${record.family} ${String.fromCharCode(...path.attributes)}`;
    const known = this.#buckets.get(key);
    const bucket = known ?? this.#newBucket(record.family, path.attributes);
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

  #put(key: string, bucket: Bucket, prefix: Prefix): readonly Uint8Array[] {
    const { maxLength } = this.#options.wire ?? PLAIN_OPTIONS;
    bucket.routes.push({ prefix, pathId: 0 });
    bucket.octets += nlriSize(prefix.length, false);
    if (++this.#waiting > MOST_WAITING) return this.end();
    if (bucket.octets < maxLength - ROOM_FOR_ATTRIBUTES - 32) return [];
    this.#buckets.delete(key);
    this.#waiting -= bucket.routes.length;
    return [this.#message(bucket)];
  }

  #newBucket(family: RouteFamily, bytes: Uint8Array): Bucket | undefined {
    const { prepend, nextHops = {} } = this.#options;
    const read = decodeRibAttributes(bytes);
    if (!read.ok || bytes.length > ROOM_FOR_ATTRIBUTES - 64) return undefined;
    const forced = nextHops[family === 'ipv4-unicast' ? 4 : 6];
    const nextHop = forced === undefined ? read.value.nextHop : { ip: forced };
    if (nextHop === undefined || (family === 'ipv6-unicast') !== (nextHop.ip.family === 6)) return undefined;
    const asPath = read.value.asPath ?? [];
    const attributes = {
      ...read.value,
      nextHop,
      asPath: prepend === undefined ? asPath : prependAs(asPath, prepend),
    };
    return { family, attributes, routes: [], octets: 0 };
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
