import { firstStep } from './place.ts';

/**
 * The offset in JSON text (RFC 8259) at which a path's value stands, or that of the nearest part above it. Scans
 * without building values, so that finding an object in a large dump costs one pass. The text is known to be JSON.
 *
 * @param members remembers what was scanned before, for the next question about the same text
 */
export function jsonOffset(text: string, path: string, members = membersIn(text)): number {
  let at = skipSpace(text, 0);
  let rest = path;
  while (rest !== '') {
    const here = members(at);
    const step = firstStep(rest, here.keys());
    if (step === undefined) return at;
    const next = here.get('index' in step ? String(step.index) : step.key);
    if (next === undefined) return at;
    at = next;
    rest = step.rest;
  }
  return at;
}

/** Finds the members at an offset, scanning each object and list once. */
export function membersIn(text: string): (at: number) => ReadonlyMap<string, number> {
  const known = new Map<number, ReadonlyMap<string, number>>();
  return at => {
    let members = known.get(at);
    if (members === undefined) known.set(at, (members = membersAt(text, at)));
    return members;
  };
}

/** Offsets of the values of the object or list at `at`, by key or index. */
function membersAt(text: string, at: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const list = text[at] === '[';
  if (!list && text[at] !== '{') return found;
  let i = skipSpace(text, at + 1);
  for (let index = 0; i < text.length && text[i] !== '}' && text[i] !== ']'; index++) {
    let key = String(index);
    if (!list) {
      const end = endOfString(text, i);
      key = JSON.parse(text.slice(i, end)) as string;
      i = skipSpace(text, skipSpace(text, end) + 1);
    }
    found.set(key, i);
    i = skipSpace(text, endOfValue(text, i));
    if (text[i] === ',') i = skipSpace(text, i + 1);
  }
  return found;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  let i = start;
  if (first !== '{' && first !== '[') {
    while (i < text.length && !' \t\r\n,]}'.includes(text[i] ?? ',')) i++;
    return i;
  }
  let depth = 0;
  do {
    const c = text[i];
    if (c === '"') {
      i = endOfString(text, i);
      continue;
    }
    if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') depth--;
    i++;
  } while (depth > 0 && i < text.length);
  return i;
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

function skipSpace(text: string, start: number): number {
  let i = start;
  while (i < text.length && ' \t\r\n'.includes(text[i] ?? '')) i++;
  return i;
}
