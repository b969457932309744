import { imageDataForEach, messageOf } from '../testing/imageData.js';
import { contentOf } from '../testing/imageFiles.js';

const { write, open } = imageDataForEach();

describe('CIFAR', () => {
  const record = (labels: number[], level: number) => {
    const bytes = new Uint8Array(labels.length + 3072);
    bytes.set(labels);
    bytes.fill(level, labels.length, labels.length + 1024).fill(7, labels.length + 2048);
    return bytes;
  };
  const join2 = (...parts: Uint8Array[]) => Buffer.concat(parts);

  it('10 has a byte for the class and planes of colours; batch 10 comes after batch 9', async () => {
    await write({
      'data_batch_10.bin': record([2], 30),
      'data_batch_9.bin': join2(record([1], 10), record([0], 20)),
      'test_batch.bin': record([2], 40),
      'batches.meta.txt': 'airplane\nautomobile\nbird\n\n',
    });
    const set = await open();
    expect(set.size).toEqual({ height: 32, width: 32 });
    expect(contentOf(set, set.train)).toEqual([
      ['automobile', 10],
      ['airplane', 20],
      ['bird', 30],
    ]);
    expect(contentOf(set, set.test)).toEqual([['bird', 40]]);
    expect([...set.train.read([0]).subarray(0, 3)]).toEqual([10, 0, 7]);
  });

  it('100 has a byte more, and the second one counts', async () => {
    await write({ 'train.bin': join2(record([9, 1], 10), record([9, 0], 20)), 'test.bin': record([9, 1], 30) });
    const set = await open();
    expect(set.classNames).toEqual(['0', '1']);
    expect(contentOf(set, set.train)).toEqual([
      ['1', 10],
      ['0', 20],
    ]);
  });

  it('says where a file is cut off, or a class has no name', async () => {
    await write({ 'data_batch_1.bin': record([1], 10).subarray(1), 'data_batch_2.bin': record([0], 10) });
    expect(await messageOf(open())).toMatch(
      /data_batch_1\.bin: expected a whole number of records of 3073 bytes, got 3072 bytes\.$/,
    );
    const set = await open('data', { skipBad: true });
    expect([set.counts.train, set.counts.skipped]).toEqual([1, 1]);
    await write({ 'data_batch_1.bin': record([0], 10), 'data_batch_2.bin': join2(record([9], 1), record([10], 2)) });
    expect(await messageOf(open())).toMatch(/data_batch_2\.bin, record 1: expected a class from 0 to 9, got 10\.$/);
    await write({ 'data_batch_1.bin': record([1], 10), 'batches.meta.txt': 'only\n' });
    expect(await messageOf(open())).toMatch(
      /data_batch_1\.bin, record 0: expected a class from 0 to 0 or its name, got 1/,
    );
  });
});
