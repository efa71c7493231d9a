const SECRET_NAME = /pass(word|phrase)?$|secret$|token$|private_?key|authorization|client-?key/i;

/** The same value with what a name says is secret left out; a name of a Secret is none. */
export function redactValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      typeof part === 'string' && SECRET_NAME.test(name) ? '<redacted>' : redactValue(part),
    ]),
  );
}

/**
 * The same text without passwords, bearer tokens and private keys, whatever program wrote it. Each pattern begins at one
 * place of a word only, so that a long line of anybody's making costs what it is long.
 */
export function redactText(text: string): string {
  return text
    .replace(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, '<redacted $1>')
    .replace(/\b(Bearer\s+)[\w.~+/=-]+/gi, '$1<redacted>')
    .replace(/(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/g, '<redacted token>')
    .replace(
      /((?:password|passphrase|secret|token)"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|[^\s,;}]+)/gi,
      '$1<redacted>',
    );
}
