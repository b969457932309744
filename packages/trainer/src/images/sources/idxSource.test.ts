import { gzipSync } from 'node:zlib';

import { imageDataForEach, messageOf } from '../testing/imageData.js';

const { write, open } = imageDataForEach();

describe('files of the MNIST family', () => {
  const idx = (shape: number[], data: number[]) => {
    const bytes = Buffer.alloc(4 + 4 * shape.length + data.length);
    bytes.writeUInt32BE(0x800 + shape.length, 0);
    shape.forEach((length, i) => bytes.writeUInt32BE(length, 4 + 4 * i));
    bytes.set(data, 4 + 4 * shape.length);
    return bytes;
  };

  it('are gray, big-endian, and may be compressed', async () => {
    await write({
      'train-images-idx3-ubyte.gz': gzipSync(idx([2, 1, 2], [1, 2, 3, 4])),
      'train-labels-idx1-ubyte.gz': gzipSync(idx([2], [1, 0])),
      't10k-images.idx3-ubyte': idx([1, 1, 2], [5, 6]),
      't10k-labels.idx1-ubyte': idx([1], [1]),
    });
    const set = await open();
    expect(set.size).toEqual({ height: 1, width: 2 });
    expect([...set.train.read([1, 0])]).toEqual([3, 3, 3, 4, 4, 4, 1, 1, 1, 2, 2, 2]);
    expect([...set.train.labels, ...set.test!.labels]).toEqual([1, 0, 1]);
    expect(set.classNames).toEqual(['0', '1']);
  });

  const images = idx([2, 1, 2], [1, 2, 3, 4]);
  const labels = idx([2], [0, 1]);
  const failures: [string, Record<string, Uint8Array>, RegExp][] = [
    [
      'no classes',
      { 'train-images-idx3-ubyte': images },
      /expected its classes in .*train-labels-idx1-ubyte, which does not/,
    ],
    [
      'another magic number',
      { 'train-images-idx3-ubyte': labels, 'train-labels-idx1-ubyte': labels },
      /train-images-idx3-ubyte: expected an IDX file that begins with 0x803, got 0x801/,
    ],
    [
      'a file that is cut off',
      { 'train-images-idx3-ubyte': images.subarray(0, -1), 'train-labels-idx1-ubyte': labels },
      /train-images-idx3-ubyte: expected 4 bytes of data for \(2, 1, 2\), got 3\./,
    ],
    [
      'a compressed file that is cut off',
      { 'train-images-idx3-ubyte.gz': gzipSync(images).subarray(0, -9), 'train-labels-idx1-ubyte': labels },
      /train-images-idx3-ubyte\.gz: can't be unpacked: unexpected end of file/,
    ],
    [
      'other numbers of pictures and classes',
      { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': idx([1], [0]) },
      /train-labels-idx1-ubyte: expected the classes of 2 pictures, got 1\./,
    ],
  ];
  it.each(failures)('say what is wrong with %s', async (_, files, message) => {
    await write(files);
    expect(await messageOf(open())).toMatch(message);
  });
});
