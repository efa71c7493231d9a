interface Level {
  /** Names so far; undefined in a list. */
  readonly names: Map<string, number> | undefined;
  /** The name or the index that is being read. */
  at: string | number;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Paths of object fields that a JSON text gives twice, such as `spec.color` (sigs.k8s.io/json, strict decoding). */
export function repeatedFields(text: string): readonly string[] {
  const found: string[] = [];
  const levels: Level[] = [];
  let isName = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const top = levels.at(-1);
    if (token === '{' || token === '[') {
      levels.push({ names: token === '{' ? new Map() : undefined, at: 0 });
      isName = token === '{';
    } else if (token === '}' || token === ']') {
      levels.pop();
      isName = false;
    } else if (token === ',') {
      isName = top?.names !== undefined;
      if (top !== undefined && typeof top.at === 'number') top.at++;
    } else if (token !== ':' && isName && top?.names !== undefined) {
      isName = false;
      top.at = JSON.parse(token) as string;
      const times = (top.names.get(top.at) ?? 0) + 1;
      top.names.set(top.at, times);
      if (times === 2) found.push(pathOf(levels));
    }
  }
  return found;
}

function pathOf(levels: readonly Level[]): string {
  return levels
    .map(({ at }) => (typeof at === 'number' ? `[${at}]` : `.${at}`))
    .join('')
    .replace(/^\./, '');
}
