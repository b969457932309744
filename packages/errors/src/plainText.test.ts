import { nameText, plainText, valueText } from './index.js';

const colour = '\u001b[31mred\u009b0m\u202e';

describe('text of somebody else', () => {
  it('keeps its lines and tabs, and loses what a terminal obeys', () => {
    expect(plainText(`a\tb\nc \u{1f600} é${colour}\r\u0007\u2028`)).toBe('a\tb\nc \u{1f600} é[31mred0m');
  });

  it('is escaped in an error', () => {
    expect(valueText(colour)).toBe('"\\u001b[31mred\\u009b0m\\u202e"');
    expect(JSON.parse(valueText({ colour }))).toEqual({ colour });
  });

  it.each([
    ['tench', 'tench'],
    ['golden retriever', 'golden retriever'],
    ["it's", "it's"],
    ['träd/木', 'träd/木'],
    ['tench, Tinca tinca', '"tench, Tinca tinca"'],
    ['a "b"', '"a \\"b\\""'],
    ['a\nb: c', '"a\\nb: c"'],
    ['a\\b', '"a\\\\b"'],
    [' a', '" a"'],
    ['', '""'],
    ['\u009b1A', '"\\u009b1A"'],
  ])('is one name of a list: %j', (name, text) => {
    expect(nameText(name)).toBe(text);
    if (text !== name) expect(JSON.parse(text)).toBe(name);
  });
});
