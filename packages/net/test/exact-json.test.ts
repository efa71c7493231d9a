import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatJson, parseJson } from '../src/index.ts';

describe('JSON with int64', () => {
  it('keeps each digit of whole numbers beyond 2^53, alone and within', () => {
    const text = '{"a":[1690113884806720496,-9223372036854775808],"b":{"c":9007199254740993},"d":12}';
    expect(parseJson(text)).toEqual({
      ...{ a: [1690113884806720496n, -9223372036854775808n], b: { c: 9007199254740993n }, d: 12 },
    });
    expect(formatJson(parseJson(text))).toBe(text);
    expect(formatJson({ a: 2n ** 60n }, 2)).toBe('{\n  "a": 1152921504606846976\n}');
  });

  it('leaves fractions, safe numbers and texts of digits as JSON.parse has them', () => {
    for (const text of ['0.1234567890123456789', '1e300', '"1690113884806720496"', '9007199254740991'])
      expect(parseJson(text)).toBe(JSON.parse(text));
  });

  it('is JSON.parse and JSON.stringify for all that these can say', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = JSON.stringify(value);
        expect(formatJson(value)).toBe(text);
        expect(formatJson(parseJson(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});
