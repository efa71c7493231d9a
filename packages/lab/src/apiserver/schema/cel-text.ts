import type { Environment } from '@marcbachmann/cel-js';

/** Functions of texts (cel-go ext/strings, k8s.io/apiserver cel/library/regex). */
export function addTexts(env: Environment): void {
  env.registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => new RegExp(pattern, 'u').exec(text)?.[0] ?? '',
  );
  env.registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
    [...text.matchAll(new RegExp(pattern, 'gu'))].map(match => match[0]),
  );
  env.registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.replaceAll(from, to),
  );
  env.registerFunction(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, times: bigint) => {
      const parts = text.split(from);
      const cut = times < 0n ? parts.length : Math.min(parts.length, Number(times) + 1);
      return [parts.slice(0, cut).join(to), ...parts.slice(cut)].join(from);
    },
  );
  env.registerFunction('string.format(list): string', format);
  env.registerFunction('string.charAt(int): string', (text: string, index: bigint) =>
    text.charAt(Number(index)),
  );
  env.registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''));
}

/** `'%s has %d'.format([name, count])` (cel-go ext/strings, "Format"). */
function format(text: string, values: readonly unknown[]): string {
  let next = 0;
  return text.replace(/%(?:%|(\.\d+)?([a-zA-Z]))/g, (whole, precision: string | undefined, verb: string) => {
    if (whole === '%%') return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return written(values[next++], verb, precision === undefined ? undefined : Number(precision.slice(1)));
  });
}

function written(value: unknown, verb: string, precision: number | undefined): string {
  const number = () => {
    if (typeof value === 'bigint' || typeof value === 'number') return value;
    throw new Error(`%${verb} is for numbers`);
  };
  switch (verb) {
    case 's':
      return shown(value);
    case 'd':
      return String(number());
    case 'f':
      return Number(number()).toFixed(precision ?? 6);
    case 'e':
      return Number(number())
        .toExponential(precision ?? 6)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : number().toString(2);
    case 'o':
      return number().toString(8);
    case 'x':
    case 'X': {
      const hex = typeof value === 'string' ? Buffer.from(value).toString('hex') : number().toString(16);
      return verb === 'x' ? hex : hex.toUpperCase();
    }
    default:
      throw new Error(`unrecognized formatting clause "${verb}"`);
  }
}

/** A value as `%s` shows it. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value === null || typeof value !== 'object') return String(value);
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${name}: ${shown(field)}`).join(', ')}}`;
}
