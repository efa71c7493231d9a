/** A path as one side sees it, in the words of neither: both sides are compared in this form. */
export interface SeenRoute {
  readonly asPath: readonly number[];
  readonly nextHop: string;
  readonly localPref?: number;
  readonly med?: number;
  /** `65000:7`. */
  readonly communities: readonly string[];
  /** `65000:1:77`. */
  readonly largeCommunities: readonly string[];
  /** `rt:65000:7`. */
  readonly extendedCommunities: readonly string[];
  readonly originatorId?: string;
  readonly clusterList: readonly string[];
  /** Kept for a peer that is away (RFC 4724). */
  readonly stale?: boolean;
}

/** Numbers in a text, such as an AS path. */
export function numbersIn(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** `(65000,7)`, `65000:7`, `(rt, 65000, 7)` as `65000:7`, `rt:65000:7`. */
export function communityText(text: string): string {
  return text
    .replace(/[()\s]/g, '')
    .replace(/[,:]+/g, ':')
    .toLowerCase()
    .replace(/^(route-?)?target:/, 'rt:');
}
