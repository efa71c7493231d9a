import { type Document, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import { fail, ok, type Result } from '@muslin/net';
import type { FileFault } from './file-fault.ts';
import type { Locator } from './place.ts';
import { yamlOffset } from './yaml-locator.ts';
import { type YamlPart, yamlParts } from './yaml-text.ts';

/** One value of a file, and where its parts stand. */
export interface FileDocument {
  readonly value: unknown;
  readonly locate: Locator;
}

/** The parser's trees are some hundred times as large as the text. Lists are read item by item, so few come near. */
export const MAX_DOCUMENT = 4 * 1024 * 1024;
/** Far above what people write, far below what a bomb of nested aliases needs. */
const MAX_ALIASES = 10_000;

/** `merge`: `<<` works in the YAML 1.1 that kubectl reads. `uniqueKeys` takes quadratic time, so we look ourselves. */
const OPTIONS = { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'silent' } as const;

/** All documents of a YAML stream; empty ones are left out. */
export function yamlDocuments(file: string, text: string): Result<readonly FileDocument[], FileFault> {
  const documents: FileDocument[] = [];
  for (const part of yamlParts(text)) {
    const parsed = parsePart(file, part);
    if (!parsed.ok) return parsed;
    documents.push(...parsed.value);
  }
  return ok(documents);
}

function parsePart(file: string, part: YamlPart): Result<readonly FileDocument[], FileFault> {
  const bad = (code: FileFault['code'], message: string, line = part.line) =>
    fail({ code, file, line, message });
  if (part.text.length > MAX_DOCUMENT)
    return bad(
      'too-big',
      `one YAML document of ${part.text.length} characters; the limit is ${MAX_DOCUMENT}: write several, or JSON`,
    );
  const found: FileDocument[] = [];
  try {
    const { documents, lines } = parse(part);
    for (const [i, document] of documents.entries()) {
      const error = document.errors[0];
      if (error !== undefined)
        return bad(
          'not-yaml',
          `not YAML: ${error.message}`,
          part.line + lines.linePos(error.pos[0]).line - 1,
        );
      const twice = repeatedKey(document.contents);
      if (twice !== undefined)
        return bad(
          'not-yaml',
          `not YAML: the key ${JSON.stringify(twice.key)} is there twice`,
          part.line + lines.linePos(twice.at).line - 1,
        );
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES, ...exactly(part) });
      if (value !== null && value !== undefined) found.push({ value, locate: locatorOf(file, part, i) });
    }
    return ok(found);
  } catch (cause) {
    // The parser's two ways to refuse a hostile document: its stack, and its count of aliases.
    if (cause instanceof RangeError) return bad('too-deep', 'nested too deeply');
    if (cause instanceof ReferenceError) return bad('too-many-aliases', `not YAML: ${cause.message}`);
    throw cause;
  }
}

/** Whole numbers beyond 2^53 stay what they are, as in JSON (`parseJson`). */
const LONG = /\d{16}/;

function exactly({ text }: YamlPart) {
  return LONG.test(text) ? { reviver: narrowed } : {};
}

function narrowed(_key: unknown, value: unknown): unknown {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Duplicate keys are a fault (YAML 1.2 §3.2.1.1), as the API server would see only one of the values. */
function repeatedKey(node: unknown): { readonly key: string; readonly at: number } | undefined {
  if (isSeq(node)) return firstOf(node.items, repeatedKey);
  if (!isMap(node)) return undefined;
  const seen = new Set<unknown>();
  return firstOf(node.items, ({ key, value }) => {
    if (!isScalar(key)) return repeatedKey(value);
    // Merge keys may repeat.
    if (seen.has(key.value) && key.value !== '<<') return { key: String(key.value), at: key.range?.[0] ?? 0 };
    seen.add(key.value);
    return repeatedKey(value);
  });
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function parse(part: YamlPart): { readonly documents: readonly Document[]; readonly lines: LineCounter } {
  const lines = new LineCounter();
  const intAsBigInt = LONG.test(part.text);
  const parsed = parseAllDocuments(part.text, { ...OPTIONS, intAsBigInt, lineCounter: lines });
  return { documents: parsed as readonly Document[], lines };
}

/** Parses again when someone asks, as few objects are ever asked about and the trees are large. */
function locatorOf(file: string, part: YamlPart, index: number): Locator {
  let again: ReturnType<typeof parse> | undefined;
  return path => {
    again ??= parse(part);
    const document = again.documents[index];
    const offset = document === undefined ? 0 : yamlOffset(document, path);
    return { file, line: part.line + again.lines.linePos(offset).line - 1 };
  };
}
