import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { picturesFolder, pillowValues } from '../testing/pillow/pillowValues.js';
import { decodeImage } from './decodeImage.js';

const values = pillowValues();
const pictures = readdirSync(picturesFolder);
const bytesOf = (name: string) => readFileSync(join(picturesFolder, name));

describe('decodeImage', () => {
  it('is tested with every picture that Pillow has decoded', () => {
    expect(pictures.map((name) => `picture/${name}`).sort()).toEqual(
      [...values.keys()].filter((name) => name.startsWith('picture/')).sort(),
    );
  });

  it.each(pictures)('has the bits of Pillow for %s', async (name) => {
    const { width, height, data } = await decodeImage(bytesOf(name), name);
    expect({ width, height, data: new Uint8Array(data) }).toEqual(values.get(`picture/${name}`));
  });

  const damaged: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /^a\.jpg: expected a picture, got an empty file\.$/],
    ['text', Buffer.from('hello'), /^a\.jpg: expected a JPEG, PNG or WebP/],
    ['a JPEG that is cut off', bytesOf('rgb-444.jpg').subarray(0, 500), /^a\.jpg: can't decode the picture: ./],
    ['a PNG that is cut off', bytesOf('rgba.png').subarray(0, 500), /^a\.jpg: can't decode the picture: ./],
    ['a WebP that is cut off', bytesOf('lossy.webp').subarray(0, 90), /^a\.jpg: can't decode the picture: ./],
    ['a PNG with a wrong checksum', flipped(bytesOf('rgba.png'), 300), /^a\.jpg: can't decode the picture: ./],
  ];
  it.each(damaged)('names the file of %s', async (_, bytes, message) => {
    const error: unknown = await decodeImage(bytes, 'a.jpg').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });

  it('refuses more pixels than allowed before it decodes them', async () => {
    await expect(decodeImage(bytesOf('rgb.png'), 'a.png', { maxPixels: 17 * 23 - 1 })).rejects.toThrow(
      /^a\.png: can't decode the picture: .*(limit|at most)/,
    );
    expect((await decodeImage(bytesOf('rgb.png'), 'a.png', { maxPixels: 17 * 23 })).width).toBe(23);
  });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at]! ^= 0xff;
  return copy;
}
