import { ArgumentError } from '@scmoe/errors';

import type { RgbImage } from '../RgbImage.js';
import { pillowValues } from '../testing/pillow/pillowValues.js';
import type { Resample } from './resampleFilters.js';
import { resize } from './resize.js';

const values = pillowValues();
const cases = [...values.keys()].filter((name) => /^resize\/.*(?<!input)$/.test(name));

describe('resize', () => {
  it.each(cases)('has the bits of Pillow in %s', (name) => {
    const [, number, filter] = name.split('/');
    const expected = values.get(name)!;
    expect(resize(values.get(`resize/${number}/input`)!, expected, filter as Resample)).toEqual(expected);
  });

  it('covers every filter, both ways', () => {
    expect(new Set(cases.map((name) => name.split('/')[2])).size).toBe(6);
    expect(cases.length).toBe(60);
  });

  it('gives a picture back that has the size already', () => {
    const image: RgbImage = { height: 1, width: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(resize(image, { height: 1, width: 2 }, 'lanczos')).toBe(image);
  });

  it('refuses a side of no length', () => {
    const image: RgbImage = { height: 1, width: 1, data: new Uint8Array(3) };
    expect(() => resize(image, { height: 0, width: 4 })).toThrow(ArgumentError);
    expect(() => resize(image, { height: 4, width: 1.5 })).toThrow('width: expected a positive integer, got 1.5');
  });
});
