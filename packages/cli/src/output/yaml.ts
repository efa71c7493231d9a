import { stringify } from 'yaml';

/** YAML without aliases or folded lines, as kubectl writes it. */
export function writeYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, keepUndefined: false });
}
