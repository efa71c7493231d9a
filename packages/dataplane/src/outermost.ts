import { comparePrefix, type Prefix, prefixCovers } from '@muslin/net';

/** The prefixes that no other of the list covers, each once, in order: the same addresses, disjoint. */
export function outermost(nets: Iterable<Prefix>): readonly Prefix[] {
  const out: Prefix[] = [];
  for (const net of [...nets].sort(comparePrefix)) {
    const last = out.at(-1);
    if (last === undefined || !prefixCovers(last, net)) out.push(net);
  }
  return out;
}
