/** A longer line is no flow; the rest of it is skipped, so that input without line feeds costs no memory. */
export const MAX_LINE = 65_536;

/** Splits bytes into lines without their ends (`\n`, `\r\n`). A line that is too long is given cut, as it cannot be used. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let skipping = false;
  for await (const chunk of chunks) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!skipping) yield line.endsWith('\r') ? line.slice(0, -1) : line;
      skipping = false;
    }
    if (rest.length <= MAX_LINE) continue;
    if (!skipping) yield rest.slice(0, MAX_LINE + 1);
    skipping = true;
    rest = '';
  }
  rest += decoder.decode();
  if (rest !== '' && !skipping) yield rest;
}
