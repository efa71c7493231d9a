import { fieldInvalid, fieldTooLong, fieldUnsupported } from '../field-error.ts';
import { type JsonObject, listAt, textAt } from '../json.ts';
import { badRequest, type Cause, invalid, type Status } from '../status.ts';
import type { ApiRequest } from './request.ts';

const OPTIONS: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

/** What is wrong with the parameters of a write (CreateOptions, UpdateOptions, PatchOptions, DeleteOptions v1 meta). */
export function checkOptions({ method, query }: ApiRequest): Status | undefined {
  const kind = OPTIONS[method];
  if (kind === undefined) return undefined;
  const causes: Cause[] = [];
  const dryRun = query.getAll('dryRun');
  if (dryRun.some(word => word !== 'All')) causes.push(fieldUnsupported('dryRun', dryRun, ['All']));
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  if (method !== 'DELETE') {
    if (manager.length > 128) causes.push(fieldTooLong('fieldManager', 128));
    const strange = [...manager].findIndex(letter => !/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(letter));
    if (strange >= 0) {
      const code = ([...manager][strange]?.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      const why = `invalid character U+${code} (at position ${strange})`;
      const cause = fieldInvalid('fieldManager', manager, why);
      // Go's %q, where JSON has four digits.
      causes.push({ ...cause, message: cause.message.replace(/\\u00([0-9a-f]{2})/g, String.raw`\x$1`) });
    }
    const words = ['', 'Ignore', 'Strict', 'Warn'];
    if (!words.includes(validation)) causes.push(fieldUnsupported('fieldValidation', validation, words));
  }
  return causes.length === 0 ? undefined : invalid({ group: 'meta.k8s.io', plural: '', kind }, '', causes);
}

/** What is wrong with DeleteOptions v1 meta in a body. */
export function checkDeleteOptions(body: JsonObject): Status | undefined {
  const kind = textAt(body, 'kind');
  if (kind !== '' && kind !== 'DeleteOptions') {
    const scheme = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27';
    const version = textAt(body, 'apiVersion');
    return badRequest(`no kind "${kind}" is registered for version "${version}" in scheme "${scheme}"`);
  }
  const causes: Cause[] = [];
  const [orphan, policy] = [body['orphanDependents'], textAt(body, 'propagationPolicy')];
  if (typeof orphan === 'boolean' && policy !== '') {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    causes.push(fieldInvalid('propagationPolicy', policy, why));
  }
  const policies = ['Foreground', 'Background', 'Orphan', 'nil'];
  if (policy !== '' && (policy === 'nil' || !policies.includes(policy)))
    causes.push(fieldUnsupported('propagationPolicy', policy, policies));
  const dryRun = listAt(body, 'dryRun');
  if (dryRun.some(word => word !== 'All')) causes.push(fieldUnsupported('dryRun', dryRun, ['All']));
  return causes.length === 0
    ? undefined
    : invalid({ group: 'meta.k8s.io', plural: '', kind: 'DeleteOptions' }, '', causes);
}
