/** A set of packets, as a node of a `Diagram`. Equal sets are equal numbers. */
export type Node = number;

/** No packet, every packet. */
export const NONE: Node = 0;
export const ALL: Node = 1;

const AND = 0;
const OR = 1;
const WITHOUT = 2;
/** 2^17 results: 2 MB. */
const CACHE_BITS = 17;

/**
 * Reduced ordered binary decision diagrams (R. E. Bryant, "Graph-Based Algorithms for Boolean Function Manipulation",
 * 1986): functions of numbered variables in canonical form. Nodes are never given back; past `limit` of them every answer
 * means nothing and `full` says so.
 */
export class Diagram {
  readonly #limit: number;
  #variable = new Int32Array(1 << 14);
  #low = new Int32Array(1 << 14);
  #high = new Int32Array(1 << 14);
  #count = 2;
  /** Open addressing: node numbers, 0 is free. */
  #table = new Int32Array(1 << 16);
  /** Results of earlier operations; a newer one takes the place of an older. */
  readonly #cache = new Int32Array(4 << CACHE_BITS).fill(-1);
  #full = false;

  constructor(limit: number) {
    this.#limit = limit;
    this.#variable.fill(LEAF, 0, 2);
  }

  get size(): number {
    return this.#count;
  }

  /** There was no more room: throw this diagram away. */
  get full(): boolean {
    return this.#full;
  }

  /** Where the variable is true. */
  variable(level: number): Node {
    return this.make(level, NONE, ALL);
  }

  /** `low` where the variable is false, `high` where it is true; both must be of later variables. */
  make(variable: number, low: Node, high: Node): Node {
    if (low === high) return low;
    const mask = this.#table.length - 1;
    let at = hash(variable, low, high) & mask;
    for (let node = this.#table[at] as number; node !== 0; node = this.#table[at] as number) {
      if (this.#variable[node] === variable && this.#low[node] === low && this.#high[node] === high)
        return node;
      at = (at + 1) & mask;
    }
    if (this.#count >= this.#limit) {
      this.#full = true;
      return NONE;
    }
    if (this.#count === this.#variable.length) this.#grow();
    const made = this.#count++;
    this.#variable[made] = variable;
    this.#low[made] = low;
    this.#high[made] = high;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    else this.#table[at] = made;
    return made;
  }

  and(a: Node, b: Node): Node {
    if (a === NONE || b === NONE) return NONE;
    if (a === ALL || a === b) return b;
    if (b === ALL) return a;
    return a < b ? this.#combine(AND, a, b) : this.#combine(AND, b, a);
  }

  or(a: Node, b: Node): Node {
    if (a === ALL || b === ALL) return ALL;
    if (a === NONE || a === b) return b;
    if (b === NONE) return a;
    return a < b ? this.#combine(OR, a, b) : this.#combine(OR, b, a);
  }

  /** In `a` and not in `b`. */
  without(a: Node, b: Node): Node {
    if (a === NONE || b === ALL || a === b) return NONE;
    if (b === NONE) return a;
    return this.#combine(WITHOUT, a, b);
  }

  not(a: Node): Node {
    return this.without(ALL, a);
  }

  /** In one of the two only. */
  differ(a: Node, b: Node): Node {
    return a === b ? NONE : this.or(this.without(a, b), this.without(b, a));
  }

  /** `then` where `condition` holds, `otherwise` elsewhere. */
  choose(condition: Node, then: Node, otherwise: Node): Node {
    return this.or(this.and(condition, then), this.without(otherwise, condition));
  }

  /** The function with a variable fixed; cheap for those that come first in the order. */
  fix(node: Node, variable: number, value: boolean): Node {
    const own = this.#variable[node] as number;
    if (own > variable) return node;
    if (own === variable) return (value ? this.#high[node] : this.#low[node]) as Node;
    return this.make(
      own,
      this.fix(this.#low[node] as Node, variable, value),
      this.fix(this.#high[node] as Node, variable, value),
    );
  }

  /** The first variable that the function asks about; undefined for the two constants. */
  first(node: Node): { readonly variable: number; readonly low: Node; readonly high: Node } | undefined {
    return node <= ALL
      ? undefined
      : {
          variable: this.#variable[node] as number,
          low: this.#low[node] as Node,
          high: this.#high[node] as Node,
        };
  }

  /** The variables that the function asks about. */
  support(node: Node): ReadonlySet<number> {
    const variables = new Set<number>();
    const seen = new Set<Node>();
    const pending = [node];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (at <= ALL || seen.has(at)) continue;
      seen.add(at);
      variables.add(this.#variable[at] as number);
      pending.push(this.#low[at] as Node, this.#high[at] as Node);
    }
    return variables;
  }

  /** Whether an assignment is in the set. */
  holds(node: Node, isSet: (variable: number) => boolean): boolean {
    let at = node;
    while (at > ALL) at = (isSet(this.#variable[at] as number) ? this.#high[at] : this.#low[at]) as Node;
    return at === ALL;
  }

  #combine(operation: number, a: Node, b: Node): Node {
    const slot = (hash(operation, a, b) & ((1 << CACHE_BITS) - 1)) * 4;
    const cache = this.#cache;
    if (cache[slot] === operation && cache[slot + 1] === a && cache[slot + 2] === b)
      return cache[slot + 3] as Node;
    const [va, vb] = [this.#variable[a] as number, this.#variable[b] as number];
    const variable = Math.min(va, vb);
    const [al, ah] = va === variable ? [this.#low[a] as Node, this.#high[a] as Node] : [a, a];
    const [bl, bh] = vb === variable ? [this.#low[b] as Node, this.#high[b] as Node] : [b, b];
    const apply = operation === AND ? this.and : operation === OR ? this.or : this.without;
    const low: Node = apply.call(this, al, bl);
    const result = this.make(variable, low, apply.call(this, ah, bh));
    cache[slot] = operation;
    cache[slot + 1] = a;
    cache[slot + 2] = b;
    cache[slot + 3] = result;
    return result;
  }

  #grow(): void {
    const larger = (old: Int32Array<ArrayBuffer>) => {
      const made = new Int32Array(old.length * 2);
      made.set(old);
      return made;
    };
    this.#variable = larger(this.#variable);
    this.#low = larger(this.#low);
    this.#high = larger(this.#high);
  }

  #rehash(): void {
    this.#table = new Int32Array(this.#table.length * 2);
    const mask = this.#table.length - 1;
    for (let node = 2; node < this.#count; node++) {
      let at = hash(this.#variable[node] as number, this.#low[node] as Node, this.#high[node] as Node) & mask;
      while (this.#table[at] !== 0) at = (at + 1) & mask;
      this.#table[at] = node;
    }
  }
}

const LEAF = 0x7fffffff;

function hash(a: number, b: number, c: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) ^ (h >>> 13);
}
