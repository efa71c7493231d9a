/** A line of a file, counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/**
 * Where a YAML path such as `spec.ingress[0].from[1]` of one object stands. A path that is not there gives the
 * nearest part above it that is; the empty path gives the first line of the object.
 */
export type Locator = (path: string) => Place;

/** `deploy/web.yaml:12`. */
export function formatPlace({ file, line }: Place): string {
  return `${file}:${line}`;
}

/** Tells the line, from 1, of an offset in a text; finds all line starts once. */
export function linesIn(text: string): (offset: number) => number {
  let starts: number[] | undefined;
  return offset => {
    if (starts === undefined) {
      starts = [0];
      for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
    }
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

/** A step of a YAML path: the key that a rest of path begins with (the longest that fits), or an index. */
export type PathStep =
  | { readonly key: string; readonly rest: string }
  | { readonly index: number; readonly rest: string };

/**
 * Splits the first step off a path. Keys may hold dots (`metadata.labels[app.kubernetes.io/name]`, also without the
 * brackets), so the keys that exist decide: the longest that the path begins with.
 */
export function firstStep(path: string, keys: Iterable<string>): PathStep | undefined {
  const index = /^\[(\d+)\]\.?/.exec(path);
  if (index !== null) return { index: Number(index[1]), rest: path.slice(index[0].length) };
  let best: { readonly key: string; readonly rest: string } | undefined;
  for (const key of keys) {
    if (best !== undefined && key.length <= best.key.length) continue;
    for (const text of [key, `[${key}]`]) {
      if (!path.startsWith(text)) continue;
      const next = path[text.length];
      if (next === undefined || next === '.' || next === '[')
        best = { key, rest: path.slice(text.length + (next === '.' ? 1 : 0)) };
    }
  }
  return best;
}
