import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { ArgumentError, UserError } from '@scmoe/errors';
import type { Gpt } from '@scmoe/models';
import { valueAndGrads } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  ExpertStoreError,
  openExpertStore,
  openLanguageModel,
  openStoredExperts,
  packExperts,
  packLines,
  startBackend,
  storedExperts,
  type ExpertStore,
  type ExpertStoreOptions,
  type Prefetch,
} from '../index.js';
import { saveModel } from '../testing/savedModel.js';
import { ExpertReader } from './ExpertReader.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);

const models = {
  pos2: {},
  pos3: { position: 'pos3', activation: 'swiglu' },
  standard: { kind: 'standard' },
  dgmoe: { kind: 'dgmoe', topK: 1 },
  blocks: { placement: 'every', numLayers: 2, capacityFactor: 1 },
  ahead: { kind: 'standard', placement: 'every', numLayers: 3, topK: 2, routerAhead: true },
};
type Name = keyof typeof models;
/** Bytes of an expert. */
const sizes = { pos2: 4096, pos3: 8192, standard: 4096, dgmoe: 4096, blocks: 4096, ahead: 4096 };

beforeAll(async () => {
  await startBackend({ threads: 1 });
  for (const [name, settings] of Object.entries(models)) {
    await saveModel(at(name), { steps: 1, ...settings });
    await packExperts({ checkpoint: at(name), out: at(`${name} packed`) });
  }
});

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function openWhole(name: Name): Promise<Gpt> {
  const { model } = (await openLanguageModel(await openStoredExperts(at(name))))!;
  opened.push({ close: () => Promise.resolve(model.dispose()) });
  return model;
}

async function openPacked(
  name: Name,
  {
    prefetch,
    packed = `${name} packed`,
    numExperts = 3,
    ...options
  }: Partial<ExpertStoreOptions> & {
    prefetch?: Prefetch;
    packed?: string;
    numExperts?: number;
  } = {},
): Promise<{ model: Gpt; store: ExpertStore }> {
  const store = await openExpertStore(at(packed), { cacheBytes: numExperts * sizes[name], numReaders: 1, ...options });
  const stored = await openStoredExperts(at(name));
  store.expectPackedFrom(stored.checkpoint);
  const { model } = (await openLanguageModel(stored, { expertSource: storedExperts(store, { prefetch }) }))!;
  opened.push({
    close: async () => {
      model.dispose();
      await store.close();
    },
  });
  return { model, store };
}

/** Caches of a single expert, and of fewer than a pass needs. */
const caches = [
  [1, 'lru'],
  [3, 'belady'],
] as const;

const ids = () =>
  tf.tensor2d(
    Int32Array.from({ length: 64 }, (_, i) => 97 + ((i * i) % 23)),
    [2, 32],
    'int32',
  );

/** Logits of two whole sequences, and a text that is written. */
async function outcome(model: Gpt): Promise<{ logits: Float32Array; text: number[] }> {
  const { logits } = tf.tidy(() => ({ logits: model.forward(ids()).logits }));
  const text = await model.generate([97, 98, 99], { maxNewTokens: 6, seed: 5 });
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return { logits: values, text };
}

describe('a model whose experts are in a store', () => {
  it.each<[Name, Prefetch]>([
    ['pos2', 'known'],
    ['pos2', 'none'],
    ['pos3', 'known'],
    ['standard', 'known'],
    ['standard', 'guess'],
    ['dgmoe', 'known'],
    ['blocks', 'known'],
    ['ahead', 'known'],
    ['ahead', 'none'],
  ])('computes what it does with all in memory, bit for bit: %s, prefetch %s', async (name, prefetch) => {
    const expected = await outcome(await openWhole(name));
    for (const [numExperts, policy] of name === 'pos2' ? [...caches, [100, 'belady'] as const] : caches) {
      const { model, store } = await openPacked(name, { prefetch, numExperts, policy });
      expect(await outcome(model)).toEqual(expected);
      const { reads, readKnown, readGuessed, readOnDemand, wasted, numSlots } = store.statistics;
      expect(readKnown + readGuessed + readOnDemand + wasted).toBeLessThanOrEqual(reads);
      // Each expert once where all of them have room, and again and again where they have not.
      const inAll = store.header.layers.length * 8;
      expect(reads > inAll).toBe(numSlots < inAll);
    }
  });

  it('reads all that a shortcut tells ahead, wastes nothing, and without that reads when it needs', async () => {
    const { model, store } = await openPacked('pos2');
    await model.generate([97], { maxNewTokens: 20, seed: 1 });
    expect(store.statistics).toMatchObject({ readGuessed: 0, readOnDemand: 0, wasted: 0 });
    expect(store.statistics.readKnown).toBe(store.statistics.reads);
    const other = await openPacked('pos2', { prefetch: 'none' });
    await other.model.generate([97], { maxNewTokens: 20, seed: 1 });
    expect(other.store.statistics).toMatchObject({
      readKnown: 0,
      readOnDemand: other.store.statistics.reads,
      wasted: 0,
    });
  });

  it('begins all reads of all layers before the first, where the router is ahead of them', async () => {
    const { model, store } = await openPacked('ahead', { numExperts: 24 });
    const readsBefore: number[] = [];
    const use = store.with.bind(store);
    store.with = (layer, expert, compute) => {
      readsBefore[layer] ??= store.statistics.reads;
      return use(layer, expert, compute);
    };
    tf.tidy(() => void model.forward(tf.tensor2d([[97]], undefined, 'int32')));
    // One token, two experts of each of three layers.
    expect(readsBefore).toEqual([6, 6, 6]);
    expect(store.statistics).toMatchObject({ reads: 6, readKnown: 6, readOnDemand: 0, wasted: 0 });
    await model.generate([97], { maxNewTokens: 20, seed: 1 });
    expect(store.statistics).toMatchObject({ readOnDemand: 0, readGuessed: 0, wasted: 0 });
  });

  it('keeps what a later layer needs of it, and so reads less than one that hears layer by layer', async () => {
    const readsOf = async (options: Partial<ExpertStoreOptions> & { prefetch?: Prefetch }) => {
      const { model, store } = await openPacked('ahead', { numExperts: 5, ...options });
      await model.generate([97], { maxNewTokens: 30, seed: 1 });
      return store.statistics.reads;
    };
    expect(await readsOf({})).toBeLessThan(await readsOf({ prefetch: 'none', policy: 'lru' }));
    // The same token twice, and room for all but one expert of a pass: the first is read again, for which the last goes.
    const { model, store } = await openPacked('ahead', { numExperts: 5 });
    const pass = () => tf.tidy(() => void model.forward(tf.tensor2d([[97]], undefined, 'int32')));
    pass();
    const { reads } = store.statistics;
    pass();
    expect([reads, store.statistics.reads - reads]).toEqual([6, 2]);
  });

  it('covers only some of the misses by guessing, and wastes reads on others', async () => {
    const { model, store } = await openPacked('standard', { prefetch: 'guess', numExperts: 6 });
    await model.generate([97], { maxNewTokens: 25, seed: 1 });
    const { readGuessed, readKnown, wasted } = store.statistics;
    for (const some of [readGuessed, readKnown, wasted]) expect(some).toBeGreaterThan(0);
  });

  it('reads past the page cache of the system, or says that it can not', async () => {
    const how = { maxNewTokens: 6, seed: 1 };
    const expected = await (await openWhole('pos2')).generate([97], how);
    const packed = await openPacked('pos2', { direct: true }).catch((error: unknown) => error as Error);
    if (packed instanceof Error) expect(packed).toBeInstanceOf(UserError);
    else expect(await packed.model.generate([97], how)).toEqual(expected);
  });

  it('has the same texts side by side, and memory is what it was when the store is closed', async () => {
    const before = tf.memory().numTensors;
    const { model, store } = await openPacked('pos2');
    const engine = model.generationEngine();
    const texts = [97, 120, 99].map((first) => engine.start([first, 100], { maxNewTokens: 8, seed: 2 }));
    const together = await Promise.all(texts.map(tokensOf));
    await engine.close();
    const whole = await openWhole('pos2');
    for (const [i, first] of [97, 120, 99].entries())
      expect(together[i]).toEqual(await whole.generate([first, 100], { maxNewTokens: 8, seed: 2 }));
    for (const each of opened.splice(0)) await each.close();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => store.with(0, 0, () => undefined)).toThrow('it is closed');
  });

  it('is not for training, nor for the experts of another model', async () => {
    const { model } = await openPacked('pos2');
    const batch = { ids: ids(), targets: ids() };
    expect(() => model.loss(batch, { training: true })).toThrow(ArgumentError);
    expect(() => valueAndGrads(() => model.loss(batch).loss, model.variables)).toThrow('for inference');
    tf.dispose(batch);
    await expect(openPacked('pos2', { packed: 'standard packed' })).rejects.toThrow('experts of another checkpoint');
    const { model: other } = (await openLanguageModel(await openStoredExperts(at('pos2')), {
      expertSource: storedExperts(await storeOf('pos3 packed')),
    }))!;
    await expect(other.generate([97], { maxNewTokens: 1, seed: 1 })).rejects.toThrow(
      'expected 8 experts of width 16 to 24, not gated, as the model has, got 8 experts of width 16 to 24, gated',
    );
    other.dispose();
  });
});

describe('packing', () => {
  it('puts each expert into one aligned read, whole or not at all, and leaves the checkpoint as it is', async () => {
    const before = contents(at('pos2'));
    const written = await packExperts({ checkpoint: at('pos2'), out: at('again') });
    expect(contents(at('pos2'))).toEqual(before);
    expect(packLines(written)[0]).toBe('packed: 2 layers of 8 experts, 4 KiB each, 64 KiB in all');
    expect(readdirSync(at('again')).sort()).toEqual(['experts.bin', 'experts.json']);
    expect(readFileSync(at('again/experts.bin'))).toHaveLength(2 * 8 * 4096);
    const { parameters } = (await openStoredExperts(at('pos2'))).checkpoint;
    const bytes = Uint8Array.from(readFileSync(at('again/experts.bin')));
    const expert = new Float32Array(bytes.buffer, 11 * 4096, 1024);
    const data = parameters['block1.experts.w1']!.data as Float32Array;
    expect(Array.from(expert.subarray(0, 16 * 24))).toEqual(Array.from(data.slice(3 * 16 * 24, 4 * 16 * 24)));
    await expect(packExperts({ checkpoint: at('pos2'), out: at('again') })).rejects.toThrow('got one that does');
    await expect(packExperts({ checkpoint: at('pos2'), out: join(at('again/experts.bin'), 'below') })).rejects.toThrow(
      UserError,
    );
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['no header', (path) => writeFileSync(join(path, 'experts.json'), ''), /expected JSON/],
    [
      'a header that was changed',
      (path) => edit(join(path, 'experts.json'), '"step":1', '"step":2'),
      /checksum: expected/,
    ],
    ['half of its experts', (path) => truncate(join(path, 'experts.bin'), 9000), /expected 65536 bytes, got 9000/],
  ])('refuses a folder with %s', async (what, damage, message) => {
    await packExperts({ checkpoint: at('pos2'), out: at(what) });
    damage(at(what));
    const open = storeOf(what);
    await expect(open).rejects.toThrow(UserError);
    await expect(open).rejects.toThrow(message);
  });

  it('has the room of a read that ends while it looks for some', async () => {
    const store = await openExpertStore(at('pos2 packed'), { cacheBytes: 4096, numReaders: 1 });
    opened.push(store);
    store.with(0, 0, () => undefined);
    const isReading = jest.spyOn(ExpertReader.prototype, 'isReading').mockReturnValueOnce(true);
    expect(store.with(0, 1, ({ w1 }) => w1!.shape)).toEqual([1, 16, 24]);
    isReading.mockRestore();
  });

  it('says what an expert needs where the cache is smaller', async () => {
    await expect(openExpertStore(at('pos2 packed'), { cacheBytes: 4095 })).rejects.toThrow(
      'expected at least 4 KiB, which one expert',
    );
    await expect(openExpertStore(at('nowhere'), { cacheBytes: 4096 })).rejects.toThrow('it does not exist');
  });
});

describe('a disk that fails in the midst of generation', () => {
  const failing = async (model: Gpt) => {
    const text = model.generate([97], { maxNewTokens: 30, seed: 1 });
    await expect(text).rejects.toThrow(ExpertStoreError);
    return text.catch((error: Error) => error.message);
  };

  it('is one error for each text that needs it, and forgotten when the disk is well again', async () => {
    await packExperts({ checkpoint: at('pos2'), out: at('cut') });
    const { model } = await openPacked('pos2', { packed: 'cut', numExperts: 1 });
    const expected = await model.generate([97], { maxNewTokens: 30, seed: 1 });
    const whole = readFileSync(at('cut/experts.bin'));
    truncate(at('cut/experts.bin'), 0);
    expect(await failing(model)).toMatch(/^Can't read .*experts.bin: the file ends at byte \d+, it was cut short\.$/);
    expect(await failing(model)).toMatch('it was cut short');
    writeFileSync(at('cut/experts.bin'), whole);
    expect(await model.generate([97], { maxNewTokens: 30, seed: 1 })).toEqual(expected);
  });

  it('is noticed where it gives other bytes than were written', async () => {
    await packExperts({ checkpoint: at('pos2'), out: at('bent') });
    const { model } = await openPacked('pos2', { packed: 'bent' });
    const file = openSync(at('bent/experts.bin'), 'r+');
    for (let expert = 0; expert < 16; expert++) writeSync(file, Buffer.from([1, 2, 3]), 0, 3, expert * 4096 + 40);
    closeSync(file);
    expect(await failing(model)).toMatch(/have the CRC-32 \d+, expected \d+: it is damaged/);
  });

  it('does not hold anybody up who comes after it has hung for so long', async () => {
    const slow = { maxBytesPerSecond: 10, readTimeoutMs: 40, numReaders: 1 };
    const { model } = await openPacked('pos2', slow);
    expect(await failing(model)).toMatch('no answer to a read within 40 ms: the disk hangs, or is too slow');
    expect(await failing(model)).toMatch('no answer for more than 40 ms');
  });
});

async function storeOf(packed: string): Promise<ExpertStore> {
  const store = await openExpertStore(at(packed), { cacheBytes: 3 * 8192, numReaders: 1 });
  opened.push(store);
  return store;
}

async function tokensOf(text: AsyncIterable<{ token: number }>): Promise<number[]> {
  const ids: number[] = [];
  for await (const { token } of text) ids.push(token);
  return ids;
}

function truncate(path: string, bytes: number): void {
  const file = openSync(path, 'r+');
  ftruncateSync(file, bytes);
  closeSync(file);
}

function edit(path: string, from: string, to: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
}

/** Hashes of all files below a folder, by name. */
function contents(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    names.map(({ parentPath, name }) => [
      join(parentPath, name),
      createHash('sha256')
        .update(readFileSync(join(parentPath, name)))
        .digest('hex'),
    ]),
  );
}
