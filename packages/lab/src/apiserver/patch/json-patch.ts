import { fail, ok, type Result } from '@muslin/net';
import { isList, isObject, type Json, type JsonObject, sameJson, textAt } from '../json.ts';

/** Applies an RFC 6902 patch. The fault says which operation failed and why. */
export function applyJsonPatch(document: Json, patch: Json): Result<Json, string> {
  if (!isList(patch)) return fail('a JSON patch must be a list of operations (RFC 6902 §3)');
  let here = document;
  for (const operation of patch) {
    const next = applyOperation(here, operation);
    if (!next.ok) return next;
    here = next.value;
  }
  return ok(here);
}

function applyOperation(document: Json, operation: Json): Result<Json, string> {
  if (!isObject(operation)) return fail('an operation of a JSON patch must be an object');
  const op = textAt(operation, 'op');
  const path = pointer(textAt(operation, 'path'));
  const value = operation['value'];
  switch (op) {
    case 'add':
      return value === undefined ? fail('add needs a value') : put(document, path, value, 'add');
    case 'replace':
      return value === undefined ? fail('replace needs a value') : put(document, path, value, 'replace');
    case 'remove':
      return remove(document, path);
    case 'test': {
      const found = get(document, path);
      return sameJson(found ?? null, value ?? null)
        ? ok(document)
        : fail(`testing value ${textAt(operation, 'path')} failed`);
    }
    case 'copy':
    case 'move': {
      const from = pointer(textAt(operation, 'from'));
      const moved = get(document, from);
      if (moved === undefined) return fail(`${op}: nothing at ${textAt(operation, 'from')}`);
      if (op === 'copy') return put(document, path, moved, 'add');
      // RFC 6902 §4.4: a value can't move into itself.
      if (from.length < path.length && from.every((step, i) => step === path[i]))
        return fail('move into itself');
      const without = remove(document, from);
      return without.ok ? put(without.value, path, moved, 'add') : without;
    }
    default:
      return fail(`unexpected kind of operation: ${op}`);
  }
}

/** RFC 6901: `/a~1b/0` is ['a/b', '0']. */
function pointer(text: string): readonly string[] {
  return text
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function get(node: Json, path: readonly string[]): Json | undefined {
  let here: Json | undefined = node;
  for (const step of path) {
    if (isList(here)) here = here[Number(step)];
    else if (isObject(here) && Object.hasOwn(here, step)) here = here[step];
    else return undefined;
  }
  return here;
}

function put(
  node: Json,
  path: readonly string[],
  value: Json,
  mode: 'add' | 'replace',
): Result<Json, string> {
  const [step, ...rest] = path;
  if (step === undefined) return ok(value);
  if (isList(node)) {
    const index =
      step === '-' && mode === 'add'
        ? node.length
        : indexOf(step, node.length - (mode === 'add' && rest.length === 0 ? 0 : 1));
    if (index === undefined) return fail(`no index ${step} in a list of ${node.length}`);
    if (rest.length === 0) {
      return ok(mode === 'add' ? node.toSpliced(index, 0, value) : node.with(index, value));
    }
    const inner = put(node[index] as Json, rest, value, mode);
    return inner.ok ? ok(node.with(index, inner.value)) : inner;
  }
  if (!isObject(node)) return fail(`${mode}: no object or list above ${step}`);
  const present = Object.hasOwn(node, step);
  if (rest.length === 0) {
    if (mode === 'replace' && !present)
      return fail(`replace operation does not apply: doc is missing key: ${step}`);
    return ok({ ...node, [step]: value });
  }
  if (!present) return fail(`${mode} operation does not apply: doc is missing path: ${step}`);
  const inner = put(node[step] as Json, rest, value, mode);
  return inner.ok ? ok({ ...node, [step]: inner.value }) : inner;
}

function remove(node: Json, path: readonly string[]): Result<Json, string> {
  const [step, ...rest] = path;
  if (step === undefined) return fail('the whole document can not be removed');
  if (isList(node)) {
    const index = indexOf(step, node.length - 1);
    if (index === undefined) return fail(`remove: no index ${step} in a list of ${node.length}`);
    if (rest.length === 0) return ok(node.toSpliced(index, 1));
    const inner = remove(node[index] as Json, rest);
    return inner.ok ? ok(node.with(index, inner.value)) : inner;
  }
  if (!isObject(node) || !Object.hasOwn(node, step))
    return fail(`remove operation does not apply: doc is missing path: ${step}`);
  if (rest.length === 0) {
    const { [step]: _removed, ...others } = node;
    return ok(others as JsonObject);
  }
  const inner = remove(node[step] as Json, rest);
  return inner.ok ? ok({ ...node, [step]: inner.value }) : inner;
}

function indexOf(step: string, last: number): number | undefined {
  return /^(0|[1-9]\d*)$/.test(step) && Number(step) <= last ? Number(step) : undefined;
}
