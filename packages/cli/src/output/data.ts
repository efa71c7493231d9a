import { formatJson } from '@muslin/net';
import type { Context } from '../context.ts';

/** Writes a value as JSON (two spaces) or YAML. Both end with a line feed. */
export async function writeData(
  ctx: Pick<Context, 'stdout'>,
  form: 'json' | 'yaml',
  value: unknown,
): Promise<void> {
  ctx.stdout(await dataText(form, value));
}

/** A value as JSON (two spaces) or YAML, with a line feed at its end. */
export async function dataText(form: 'json' | 'yaml', value: unknown): Promise<string> {
  return form === 'json' ? `${formatJson(value, 2)}\n` : yamlText(value);
}

/** YAML as kubectl writes it. */
export async function yamlText(value: unknown): Promise<string> {
  // A library in CommonJS has no names when a bundle in parts imports it late, so a file of ours does it.
  const { writeYaml } = await import('./yaml.ts');
  return writeYaml(value);
}
