import { readFileSync } from 'node:fs';

/** One field as Calico has it. */
export interface CalicoField {
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  /** `maxLength=4`, `item-enum=A|B`. */
  readonly constraints: readonly string[];
}

export interface CalicoKind {
  readonly kind: string;
  readonly scope: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly status: boolean;
  readonly fields: readonly CalicoField[];
}

/** Reads `calico-fields.txt`, which says at its top how it is written. */
export function readCalicoKinds(): readonly CalicoKind[] {
  const text = readFileSync(new URL('calico-fields.txt', import.meta.url), 'utf8');
  const kinds: (CalicoKind & { readonly fields: CalicoField[] })[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const current = kinds.at(-1);
    const repeat = /^ {2}(\S+) = (\S+) (\S+)$/.exec(line);
    if (!line.startsWith('  ')) {
      const [kind = '', scope = '', plural = '', shortNames = '-', status] = line.split(' ');
      const names = shortNames === '-' ? [] : shortNames.split(',');
      kinds.push({ kind, scope, plural, shortNames: names, status: status === 'status', fields: [] });
    } else if (repeat) {
      const [, here = '', kind, there = ''] = repeat;
      const below = kinds
        .find(other => other.kind === kind)
        ?.fields.filter(({ path }) => path.startsWith(`${there}.`) || path.startsWith(`${there}[]`));
      current?.fields.push(
        ...(below ?? []).map(field => ({ ...field, path: here + field.path.slice(there.length) })),
      );
    } else {
      const [path = '', type = '', constraints = ''] = line.slice(2).split('\t');
      current?.fields.push({
        path,
        type: type.replace(/!$/, ''),
        required: type.endsWith('!'),
        constraints: constraints === '' ? [] : constraints.split('; ').sort(),
      });
    }
  }
  return kinds;
}
