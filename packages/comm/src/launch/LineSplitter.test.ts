import { LineSplitter } from './LineSplitter.js';
import { prefix, showsColour } from './prefix.js';

function split(...chunks: (string | Buffer)[]): { lines: string[]; rest: string[] } {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line.toString()));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  const count = lines.length;
  splitter.flush();
  return { lines: lines.slice(0, count), rest: lines.slice(count) };
}

describe('LineSplitter', () => {
  it('gives whole lines, whatever the chunks', () => {
    const text = 'one\n\ntwo é 日本\nthree\r\nfour';
    for (const size of [1, 2, 3, 7, 100]) {
      const bytes = Buffer.from(text);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(split(...chunks)).toEqual({ lines: ['one', '', 'two é 日本', 'three'], rest: ['four'] });
    }
  });

  it('holds back no empty rest', () => {
    expect(split('a\n')).toEqual({ lines: ['a'], rest: [] });
    expect(split('')).toEqual({ lines: [], rest: [] });
  });

  it('cuts a very long line into pieces between characters and loses nothing', () => {
    const long = '日本x'.repeat(50_000);
    const { lines, rest } = split(long.slice(0, 1000), long.slice(1000), '\nshort\n');
    expect(rest).toEqual([]);
    expect(lines.at(-1)).toBe('short');
    const pieces = lines.slice(0, -1);
    expect(pieces.length).toBeGreaterThan(5);
    for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(64 * 1024);
    expect(pieces.join('')).toBe(long);
  });
});

describe('the prefix', () => {
  it('is coloured on a terminal alone, and not where NO_COLOR asks for none', () => {
    expect(prefix(3, false)).toBe('[rank 3] ');
    // eslint-disable-next-line no-control-regex
    expect(prefix(3, true)).toMatch(/^\u001b\[\d+m\[rank 3\]\u001b\[0m $/);
    expect(showsColour({ isTTY: true }, {})).toBe(true);
    expect(showsColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(showsColour({}, {})).toBe(false);
  });
});
