/** Colours for people at a terminal; each is the identity when there is none. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

/** ECMA-48 §8.3.117 SGR. */
const sgr = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string) => text;

export const PLAIN: Paint = { good: plain, bad: plain, dim: plain, bold: plain };
export const COLOURED: Paint = { good: sgr(32), bad: sgr(31), dim: sgr(2), bold: sgr(1) };

/** Makes text from a cluster or a file harmless on a terminal: control characters become `\x1b` and the like. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, c =>
    c === '\n' ? '\\n' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
