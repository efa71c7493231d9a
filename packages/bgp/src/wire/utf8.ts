/** UTF-8 bytes of a text (RFC 3629), cut at a character so that at most `limit` bytes result. Lone surrogates become U+FFFD. */
export function utf8Bytes(text: string, limit = Number.POSITIVE_INFINITY): Uint8Array {
  const out: number[] = [];
  for (const char of text) {
    const raw = char.codePointAt(0) as number;
    const code = raw >= 0xd800 && raw <= 0xdfff ? 0xfffd : raw;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (out.length + size > limit) break;
    if (size === 1) out.push(code);
    else {
      out.push(((0xf00 >> size) & 0xff) | (code >> (6 * (size - 1))));
      for (let i = size - 2; i >= 0; i--) out.push(0x80 | ((code >> (6 * i)) & 0x3f));
    }
  }
  return Uint8Array.from(out);
}

/** Text of UTF-8 bytes; every byte that is not part of a well-formed character becomes U+FFFD. Total. */
export function utf8Text(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i] as number;
    const size =
      first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    let code = size === 1 ? first : first & (0x7f >> size);
    let good = size > 0;
    for (let j = 1; good && j < size; j++) {
      const next = bytes[i + j] ?? 0;
      good = (next & 0xc0) === 0x80;
      code = (code << 6) | (next & 0x3f);
    }
    const minimum = size === 4 ? 0x10000 : size === 3 ? 0x800 : 0;
    if (!good || code < minimum || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      text += '\ufffd';
      i++;
    } else {
      text += String.fromCodePoint(code);
      i += size;
    }
  }
  return text;
}
