import { type Document, LineCounter, parseAllDocuments } from 'yaml';
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

/** Far above what people write, far below what a bomb of nested aliases needs. */
const MAX_ALIASES = 10_000;

/** `merge`: `<<` works in the YAML 1.1 that kubectl reads. Duplicate keys are a fault, as they are for the API server. */
const OPTIONS = { merge: true, uniqueKeys: true, prettyErrors: false, logLevel: 'silent' } as const;

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
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
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

function parse(part: YamlPart): { readonly documents: readonly Document[]; readonly lines: LineCounter } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(part.text, { ...OPTIONS, lineCounter: lines });
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
