/** Texts that YAML 1.1 and 1.2 both read as that text without quotes. */
const PLAIN = /^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./(),;-]+)*$/;
const WORDS = /^(true|false|null|yes|no|on|off|y|n|nan|inf|infinity)$/i;

/** Writes a JSON value as block-style YAML, keys in their order, ending with a line break. The same value gives the same text. */
export function writeYaml(value: unknown): string {
  return `${block(value, '').replace(/^\n/, '')}\n`;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map(item => `\n${indent}-${inside(item, `${indent}  `)}`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    if (entries.length === 0) return ' {}';
    return entries.map(([key, part]) => `\n${indent}${scalar(key)}:${deeper(part, indent)}`).join('');
  }
  return ` ${scalar(value)}`;
}

function deeper(value: unknown, indent: string): string {
  return block(value, Array.isArray(value) ? indent : `${indent}  `);
}

/** A list item: a map begins on the line of its dash. */
function inside(value: unknown, indent: string): string {
  const text = block(value, indent);
  return text.startsWith(`\n${indent}`) ? ` ${text.slice(indent.length + 1)}` : text;
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
}
