import { StopFinder } from './StopFinder.js';

const written = (stops: string[], pieces: string[]) => {
  const finder = new StopFinder(stops);
  return [...pieces.map((piece) => finder.push(piece)), finder.rest()];
};

describe('StopFinder', () => {
  it('lets everything through without a string', () => {
    expect(written([], ['a', 'b'])).toEqual(['a', 'b', '']);
  });

  it('ends before a string, wherever the pieces are cut', () => {
    for (let cut = 0; cut <= 11; cut++) {
      const text = 'go on\nEND x';
      expect(written(['\nEND'], [text.slice(0, cut), text.slice(cut)]).join('')).toBe('go on');
    }
    expect(written(['END'], [...'go EnEND END']).join('')).toBe('go En');
  });

  it('holds back what may become a string, and lets it go when it does not, or no more comes', () => {
    expect(written(['aab'], ['a', 'a', 'a', 'c', 'aa'])).toEqual(['', '', 'a', 'aac', '', 'aa']);
  });

  it('takes the first of several', () => {
    expect(written(['three', 'two'], ['one two three']).join('')).toBe('one ');
  });
});
