import { formatJson } from '@muslin/net';
import type { Context } from '../context.ts';

/** Writes a value as JSON (two spaces) or YAML. Both end with a line feed. */
export async function writeData(
  ctx: Pick<Context, 'stdout'>,
  form: 'json' | 'yaml',
  value: unknown,
): Promise<void> {
  ctx.stdout(form === 'json' ? `${formatJson(value, 2)}\n` : await yamlText(value));
}

/** YAML without aliases or folded lines, as kubectl writes it. */
export async function yamlText(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, keepUndefined: false });
}
