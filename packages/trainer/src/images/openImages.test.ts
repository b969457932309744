import { ArgumentError } from '@scmoe/errors';

import type { OpenImagesOptions } from './openImages.js';
import { imageDataForEach, messageOf } from './testing/imageData.js';
import { png, tarOf } from './testing/imageFiles.js';

const { write, open } = imageDataForEach();

describe('openImages', () => {
  it('names a path that is missing', async () => {
    expect(await messageOf(open('nowhere'))).toMatch(/Can't read images .*nowhere: it does not exist \(ENOENT\)\.$/);
  });

  it('resizes and crops as asked, and keeps that apart from other settings', async () => {
    await write({ 'a/1.png': await png(1), 'a/2.png': await png(2, { width: 9, height: 5 }) });
    const preprocessing = {
      resample: 'bilinear',
      resize: { shortestEdge: 4 },
      centerCrop: { height: 4, width: 4 },
    } as const;
    const set = await open('data', { preprocessing });
    expect(set.size).toEqual({ height: 4, width: 4 });
    const other = await open('data', { preprocessing: { resample: 'bilinear', resize: { height: 2, width: 2 } } });
    expect(other.size).toEqual({ height: 2, width: 2 });
    expect(other.cache!.path).not.toBe(set.cache!.path);
  });

  it('refuses options that there are not', async () => {
    await expect(open('data', { skipbad: true } as OpenImagesOptions)).rejects.toThrow(ArgumentError);
    await expect(open('data', { kind: 'csv' as 'idx' })).rejects.toThrow('kind: expected one of folders, cifar');
  });

  it('needs to be told which kind of data, where a folder has several', async () => {
    await write({
      'all.tar': await tarOf([
        ['1.png', await png(1)],
        ['1.cls', '0'],
      ]),
      'train.bin': '',
    });
    expect(await messageOf(open())).toMatch(
      /data holds data of several kinds: webdataset, cifar; say which with kind\.$/,
    );
    expect((await open('data', { kind: 'webdataset' })).counts.train).toBe(1);
  });
});
