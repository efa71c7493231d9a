import { fail, ok, type Result } from '@muslin/net';

/** A piece of a template: text, or what stands in `{{…}}`, without its trim marks. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly text: string };

/** Strings may hold `}}`, comments quotes. */
const ACTION =
  /\{\{(-(?=\s))?\s*(\/\*[\s\S]*?\*\/|(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])+'|(?!\s*-?\}\})[^"`'])*)\s*?(?:\s(-))?\}\}/g;

/** Cuts a template at its actions; `{{-` and `-}}` take the space beside them away (Go text/template, "Text and spaces"). */
export function piecesOf(template: string): Result<readonly Piece[], string> {
  const pieces: Piece[] = [];
  let at = 0;
  let trim = false;
  const addText = (raw: string) => {
    if (raw !== '') pieces.push({ kind: 'text', text: raw });
  };
  for (const found of template.matchAll(ACTION)) {
    const before = template.slice(at, found.index);
    if (before.includes('{{')) return fail('an unclosed {{');
    const head = trim ? before.trimStart() : before;
    addText(found[1] === undefined ? head : head.trimEnd());
    at = found.index + found[0].length;
    trim = found[3] !== undefined;
    const text = (found[2] ?? '').trim();
    if (!text.startsWith('/*')) pieces.push({ kind: 'action', text });
  }
  const tail = template.slice(at);
  if (tail.includes('{{')) return fail('an unclosed {{');
  addText(trim ? tail.trimStart() : tail);
  return ok(pieces);
}
