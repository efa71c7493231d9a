/** A part of a YAML file that can be parsed by itself, and the line of the file that it starts on. */
export interface YamlPart {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/**
 * Takes a YAML stream apart at its document markers (YAML 1.2 §9.1.2: `---` at the start of a line can be nothing
 * else), and a List, as `kubectl get -o yaml` writes it, into its `items`.
 * Small parts keep the parser's trees small, whatever the size of the file.
 */
export function yamlParts(text: string): readonly YamlPart[] {
  const parts: YamlPart[] = [];
  for (const document of cut(text, /^---(?=\s|$)/gm, 1)) parts.push(...listItems(document));
  return parts;
}

function cut(text: string, marker: RegExp, line: number): readonly YamlPart[] {
  const parts: YamlPart[] = [];
  let start = 0;
  let at = line;
  const push = (end: number) => {
    const part = text.slice(start, end);
    if (part.trim() !== '') parts.push({ text: part, line: at });
    for (let i = part.indexOf('\n'); i >= 0; i = part.indexOf('\n', i + 1)) at++;
    start = end;
  };
  for (const match of text.matchAll(marker)) push(match.index);
  push(text.length);
  return parts;
}

const LIST_HEAD = /^items:[ \t]*\r?\n(?=( *)- )/m;

/**
 * A typed list (`PodList`) stays whole, as its items have their kind from it; so does one with aliases, as those may
 * name an anchor in another item.
 */
function listItems(document: YamlPart): readonly YamlPart[] {
  const { text, line } = document;
  const head = LIST_HEAD.exec(text);
  if (head === null || !/^kind: *List *$/m.test(text) || /[:-] +[&*]\w/.test(text)) return [document];
  const start = head.index + head[0].length;
  const rest = text.slice(start);
  const tail = /^[A-Za-z]/m.exec(rest);
  const body = tail === null ? rest : rest.slice(0, tail.index);
  const firstLine = line + (text.slice(0, start).match(/\n/g)?.length ?? 0);
  // What lies deeper, block scalars included, is indented more, so such a line can only begin an item.
  const indent = head[1] ?? '';
  return cut(body, new RegExp(`^${indent}- `, 'gm'), firstLine).map(part => ({
    // The dash becomes a space, so that the item stands alone with its columns kept.
    text: part.text.replace(/^ *- /, `${indent}  `),
    line: part.line,
  }));
}
