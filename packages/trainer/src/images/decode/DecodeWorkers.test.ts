import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromSource, temporaryFolderForEach } from '@scmoe/testing';

import type { WorkerProgram } from '../builtProgram.js';
import { openImages } from '../openImages.js';
import { png, writeFiles } from '../testing/imageFiles.js';
import { DecodeWorkers } from './DecodeWorkers.js';

const program: WorkerProgram = { file: join(import.meta.dirname, 'decodeWorker.ts'), execArgv: [...fromSource] };
const temporary = temporaryFolderForEach();
const data = () => join(temporary.path, 'data');

/** Opens the pictures by so many threads, in a cache of their own. */
async function open(workers: number, options: { skipBad?: boolean } = {}) {
  const cacheFolder = join(temporary.path, `cache-${workers}`);
  const preprocessing = {
    resize: { shortestEdge: 8 },
    centerCrop: { height: 8, width: 8 },
    resample: 'bicubic',
  } as const;
  const progress: number[] = [];
  const set = await openImages(
    data(),
    { cacheFolder, preprocessing, workers, onProgress: ({ done }) => progress.push(done), ...options },
    program,
  );
  const { counts, skipped, cache } = set;
  set.close();
  return { counts, skipped, progress, file: readFileSync(cache!.path) };
}

async function writePictures(count: number): Promise<void> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const size = { width: 10 + (i % 7), height: 9 + (i % 5) };
    files[`${i % 2 ? 'odd' : 'even'}/${String(i).padStart(2, '0')}.png`] = await png(i, size);
  }
  await writeFiles(data(), files);
}

describe('pictures decoded in threads', () => {
  it('are those that are decoded without, bit for bit, and so are the bad ones', async () => {
    await writePictures(40);
    writeFileSync(join(data(), 'odd', '07.png'), 'no picture');
    writeFileSync(join(data(), 'even', '20.png'), '');
    const [none, two] = [await open(0, { skipBad: true }), await open(2, { skipBad: true })];
    expect(two).toEqual(none);
    expect(two.counts).toMatchObject({ train: 38, skipped: 2 });
    expect(two.skipped.map(({ problem }) => problem)).toEqual([
      'expected a picture, got an empty file',
      'expected a JPEG, PNG or WebP, got another content',
    ]);
    expect(two.progress.at(-1)).toBe(40);
  });

  it('end the command by the first bad one', async () => {
    await writePictures(40);
    writeFileSync(join(data(), 'odd', '07.png'), 'no picture');
    const messages = await Promise.all([0, 2].map((workers) => open(workers).catch((error: Error) => error.message)));
    expect(messages[1]).toBe(messages[0]);
    expect(messages[1]).toMatch(/odd\/07\.png: expected a JPEG, PNG or WebP, got another content\.$/);
    expect(readdirSync(join(temporary.path, 'cache-2'))).toEqual([]);
  });
});

describe('DecodeWorkers', () => {
  it('says when a thread has ended, of what it had to do and of what comes after', async () => {
    const file = join(temporary.path, 'ends.mjs');
    writeFileSync(
      file,
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(3));",
    );
    const threads = new DecodeWorkers({}, { workers: 1, program: { file } });
    const record = { name: 'a.png', picture: new Uint8Array(1) };
    await expect(threads.decode(record)).rejects.toThrow('A thread that decodes pictures has ended: exit code 3.');
    await expect(threads.decode(record)).rejects.toThrow('A thread that decodes pictures has ended: exit code 3.');
    await threads.dispose();
  });
});
