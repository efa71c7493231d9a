import { readFileSync, statSync } from 'node:fs';
import { ok, parseJson, type Result } from '@muslin/net';
import type { FileFault } from './file-fault.ts';
import { isRecord, textAt } from './json.ts';
import { jsonOffset, membersIn } from './json-locator.ts';
import { linesIn, type Locator } from './place.ts';
import { filesUnder, reasonOf } from './walk.ts';
import type { FileDocument } from './yaml-documents.ts';

/** Larger files are refused: no manifest is this large, and parsing one would take minutes. */
export const MAX_FILE_BYTES = 50 * 1024 * 1024;
const MAX_DEPTH = 200;

/** An object as a file gives it: at least a kind, and a name or a prefix of one. */
export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name?: string;
    readonly generateName?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface LoadedObject {
  readonly object: RawObject;
  readonly file: string;
  readonly locate: Locator;
}

/** A document that is no object; `kind` when it claims to be one, but lacks metadata. */
interface SkippedDocument {
  readonly file: string;
  readonly line: number;
  readonly kind?: string;
}

/** What the files hold. `skipped`: documents that are no Kubernetes objects (a `values.yaml`, a test's data). */
export interface Loaded {
  readonly files: number;
  readonly objects: readonly LoadedObject[];
  readonly skipped: readonly SkippedDocument[];
  readonly faults: readonly FileFault[];
  /** Folders below that were not read. */
  readonly left: readonly string[];
}

/** What standard input is called in messages and places. */
const STANDARD_INPUT = '(standard input)';

/**
 * Reads all objects of the given folders and files; `-` is standard input, which the caller has read.
 * @param shallow folders below those given are left out
 */
export async function loadFiles(paths: readonly string[], stdin?: string, shallow = false): Promise<Loaded> {
  const list = filesUnder(
    paths.filter(path => path !== '-'),
    shallow,
  );
  const objects: LoadedObject[] = [];
  const skipped: SkippedDocument[] = [];
  const faults: FileFault[] = [...list.faults];
  const named = new Set([...paths, STANDARD_INPUT]);
  const take = async (file: string, text: string) => {
    const documents = await documentsOf(file, text);
    if (!documents.ok) {
      // A broken file of a folder that claims to hold no object is somebody's data, not a manifest.
      if (named.has(file) || text.includes('apiVersion')) faults.push(documents.fault);
      else skipped.push({ file, line: documents.fault.line ?? 1 });
      return;
    }
    for (const document of documents.value) {
      if (isTooDeep(document.value)) {
        faults.push({ ...document.locate(''), code: 'too-deep', message: 'nested too deeply' });
        continue;
      }
      for (const { value, locate } of itemsOf(document)) {
        const object = rawObject(value);
        if (object === undefined) skipped.push({ ...locate(''), ...kindOf(value) });
        else objects.push({ object, file, locate });
      }
    }
  };
  for (const file of list.files) {
    const text = readText(file);
    if (typeof text === 'string') await take(file, text);
    else faults.push(text);
  }
  if (stdin !== undefined && paths.includes('-')) await take(STANDARD_INPUT, stdin);
  return { files: list.files.length, objects, skipped, faults, left: list.left };
}

function readText(file: string): string | FileFault {
  try {
    const { size } = statSync(file);
    if (size > MAX_FILE_BYTES)
      return { code: 'too-big', file, message: `${size} bytes; the limit is ${MAX_FILE_BYTES} (50 MiB)` };
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    return { code: 'not-readable', file, message: reasonOf(cause) };
  }
}

async function documentsOf(file: string, text: string): Promise<Result<readonly FileDocument[], FileFault>> {
  if (/^\s*[{[]/.test(text)) {
    const value = readJson(text);
    if (value !== undefined) return ok([{ value: value.json, locate: jsonLocator(file, text) }]);
  }
  const { yamlDocuments } = await import('./yaml-documents.ts');
  return yamlDocuments(file, text);
}

/** Flow style YAML begins like JSON, so text that is no JSON is not yet wrong. */
function readJson(text: string): { readonly json: unknown } | undefined {
  try {
    return { json: parseJson(text) };
  } catch {
    return undefined;
  }
}

function jsonLocator(file: string, text: string): Locator {
  const members = membersIn(text);
  const lineAt = linesIn(text);
  return path => ({ file, line: lineAt(jsonOffset(text, path, members)) });
}

/** The objects of a `List`, `PodList` and the like, or a plain list of objects; else the document itself. */
function itemsOf(document: FileDocument): readonly FileDocument[] {
  const { value, locate } = document;
  if (Array.isArray(value)) return value.map((item, i) => itemAt(item, locate, `[${i}]`));
  if (!isRecord(value) || !/List$/.test(String(value['kind'])) || !Array.isArray(value['items']))
    return [document];
  // `kubectl get --raw` leaves kind and apiVersion of the items to the list.
  const kind = String(value['kind']).slice(0, -'List'.length);
  const inherited = kind === '' ? {} : { apiVersion: value['apiVersion'], kind };
  return value['items'].flatMap((item, i) =>
    itemsOf(itemAt(isRecord(item) ? { ...inherited, ...item } : item, locate, `items[${i}]`)),
  );
}

function itemAt(value: unknown, locate: Locator, at: string): FileDocument {
  return {
    value,
    locate: path => locate(path === '' ? at : path.startsWith('[') ? at + path : `${at}.${path}`),
  };
}

function rawObject(value: unknown): RawObject | undefined {
  if (!isRecord(value) || typeof value['kind'] !== 'string' || typeof value['apiVersion'] !== 'string')
    return undefined;
  return isRecord(value['metadata']) ? (value as unknown as RawObject) : undefined;
}

function kindOf(value: unknown): { readonly kind?: string } {
  const kind = textAt(value, 'kind');
  return kind === undefined || textAt(value, 'apiVersion') === undefined ? {} : { kind };
}

/** Looks breadth-first, so that the check itself needs no stack. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap(item => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
