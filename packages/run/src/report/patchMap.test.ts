import { type PatchCover, patchMap } from './patchMap.js';

describe('patchMap', () => {
  const covers: PatchCover[] = [
    { colour: '#000000', opacity: 0 },
    { colour: '#ff0000', opacity: 0.5, words: '1' },
    { colour: '#00ff00', opacity: 0.5, words: '<2>' },
    { colour: '#000000', opacity: 1 },
  ];
  const svg = patchMap(covers, { title: 'a & b', caption: 'the darker, the less', png: Uint8Array.of(1, 2, 3) });

  it('shows the picture twice, once below a cover for each patch', () => {
    expect(svg.match(/<image [^>]*href="data:image\/png;base64,AQID"/g)).toHaveLength(2);
    const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="192.0" height="192.0" fill="(#\w+)"/g)];
    expect(boxes.map(([, , , colour]) => colour)).toEqual(covers.map(({ colour }) => colour));
    const [first, second, third] = boxes.map(([, x, y]) => [Number(x), Number(y)]);
    expect([second![0]! - first![0]!, second![1]! - first![1]!]).toEqual([192, 0]);
    expect([third![0]! - first![0]!, third![1]! - first![1]!]).toEqual([0, 192]);
  });

  it('says what it is, with words as they are', () => {
    for (const words of ['>a &amp; b<', '>the darker, the less<', '>1<', '>&lt;2&gt;<']) expect(svg).toContain(words);
  });
});
