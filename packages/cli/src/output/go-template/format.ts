import { entriesOf } from './value.ts';

/** A value as Go prints it (`%v`): `map[app:web]`, `[a b]`; what is not there is `<no value>`, within others `<nil>`. */
export function formatGo(value: unknown, nothing = '<no value>'): string {
  if (value === undefined || value === null) return nothing;
  if (Array.isArray(value)) return `[${value.map(each => formatGo(each, '<nil>')).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  return `map[${entriesOf(value)
    .map(([key, each]) => `${String(key)}:${formatGo(each, '<nil>')}`)
    .join(' ')}]`;
}

const VERB = /%(?:%|([-+0 #]*)(\d*)(?:\.(\d+))?([a-zA-Z]))/g;

/** `printf` of Go, its usual verbs: %v %s %q %d %x %f %t with width and precision. */
export function formatWith(format: string, args: readonly unknown[]): string {
  let used = 0;
  const text = format.replaceAll(VERB, (_, flags?: string, width = '', precision?: string, verb?: string) => {
    if (verb === undefined) return '%';
    if (used >= args.length) return `%!${verb}(MISSING)`;
    const shown = formatOne(verb, args[used++], precision);
    const left = flags?.includes('-') === true;
    const zero = flags?.includes('0') === true && !left;
    return left ? shown.padEnd(Number(width)) : shown.padStart(Number(width), zero ? '0' : ' ');
  });
  const left = args.slice(used);
  return left.length === 0
    ? text
    : `${text}%!(EXTRA ${left.map(each => `${typeName(each)}=${formatGo(each, '<nil>')}`).join(', ')})`;
}

function formatOne(verb: string, value: unknown, precision: string | undefined): string {
  switch (verb) {
    case 'v':
      return formatGo(value, '<nil>');
    case 's':
      return value === undefined || value === null
        ? '%!s(<nil>)'
        : formatGo(value).slice(0, precision === undefined ? undefined : Number(precision));
    case 'q':
      return JSON.stringify(formatGo(value));
    case 't':
      return typeof value === 'boolean' ? String(value) : `%!t(${typeName(value)}=${formatGo(value)})`;
    case 'd':
      return typeof value === 'number'
        ? String(Math.trunc(value))
        : `%!d(${typeName(value)}=${formatGo(value)})`;
    case 'x':
      return typeof value === 'number' ? value.toString(16) : Buffer.from(formatGo(value)).toString('hex');
    case 'f':
      return typeof value === 'number'
        ? value.toFixed(Number(precision ?? 6))
        : `%!f(${typeName(value)}=${formatGo(value)})`;
    default:
      return `%!${verb}(${typeName(value)}=${formatGo(value)})`;
  }
}

function typeName(value: unknown): string {
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? 'int' : typeof value;
}
