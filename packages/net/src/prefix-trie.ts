import { type Family, type Ip, widthOf } from './ip.ts';
import { bitOf, type Prefix } from './prefix.ts';

interface TrieNode<T> {
  prefix: Prefix | undefined;
  value: T | undefined;
  zero: TrieNode<T> | undefined;
  one: TrieNode<T> | undefined;
}

const emptyNode = <T>(): TrieNode<T> => ({
  prefix: undefined,
  value: undefined,
  zero: undefined,
  one: undefined,
});

/** A map from prefixes of both families with longest-prefix look-up. Owns its nodes, hence a class. */
export class PrefixTrie<T> {
  readonly #roots: Record<Family, TrieNode<T>> = { 4: emptyNode(), 6: emptyNode() };
  #size = 0;

  /** Number of prefixes held. */
  get size(): number {
    return this.#size;
  }

  /** Sets the value of exactly this prefix. */
  set(prefix: Prefix, value: T): void {
    let node = this.#roots[prefix.ip.family];
    for (let i = 0; i < prefix.length; i++) {
      if (bitOf(prefix.ip, i) === 0) node = node.zero ??= emptyNode();
      else node = node.one ??= emptyNode();
    }
    if (node.prefix === undefined) this.#size++;
    node.prefix = prefix;
    node.value = value;
  }

  /** The value of exactly this prefix. */
  get(prefix: Prefix): T | undefined {
    return this.#find(prefix)?.value;
  }

  /** Removes exactly this prefix and prunes the branch; false when it was not there. */
  delete(prefix: Prefix): boolean {
    const path: TrieNode<T>[] = [this.#roots[prefix.ip.family]];
    for (let i = 0; i < prefix.length; i++) {
      const node = path[i] as TrieNode<T>;
      const next = bitOf(prefix.ip, i) === 0 ? node.zero : node.one;
      if (next === undefined) return false;
      path.push(next);
    }
    const leaf = path.at(-1) as TrieNode<T>;
    if (leaf.prefix === undefined) return false;
    leaf.prefix = undefined;
    leaf.value = undefined;
    this.#size--;
    for (let i = path.length - 1; i > 0; i--) {
      const node = path[i] as TrieNode<T>;
      if (node.prefix !== undefined || node.zero !== undefined || node.one !== undefined) break;
      const parent = path[i - 1] as TrieNode<T>;
      if (parent.zero === node) parent.zero = undefined;
      else parent.one = undefined;
    }
    return true;
  }

  /** The longest prefix that holds the address, with its value. */
  longest(ip: Ip): { readonly prefix: Prefix; readonly value: T } | undefined {
    return this.covering({ ip, length: widthOf(ip.family) }).at(-1);
  }

  /** All prefixes that cover the given one, shortest first. */
  covering(prefix: Prefix): { readonly prefix: Prefix; readonly value: T }[] {
    const found: { prefix: Prefix; value: T }[] = [];
    let node: TrieNode<T> | undefined = this.#roots[prefix.ip.family];
    for (let i = 0; node !== undefined; i++) {
      if (node.prefix !== undefined) found.push({ prefix: node.prefix, value: node.value as T });
      if (i === prefix.length) break;
      node = bitOf(prefix.ip, i) === 0 ? node.zero : node.one;
    }
    return found;
  }

  /** All entries, IPv4 first, in address order, shorter prefixes before longer. */
  *entries(): IterableIterator<[Prefix, T]> {
    for (const root of [this.#roots[4], this.#roots[6]]) {
      const stack: TrieNode<T>[] = [root];
      for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
        if (node.prefix !== undefined) yield [node.prefix, node.value as T];
        if (node.one !== undefined) stack.push(node.one);
        if (node.zero !== undefined) stack.push(node.zero);
      }
    }
  }

  #find(prefix: Prefix): TrieNode<T> | undefined {
    let node: TrieNode<T> | undefined = this.#roots[prefix.ip.family];
    for (let i = 0; i < prefix.length && node !== undefined; i++) {
      node = bitOf(prefix.ip, i) === 0 ? node.zero : node.one;
    }
    return node?.prefix === undefined ? undefined : node;
  }
}
