import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ParameterSpecs } from '@scmoe/layer';
import { backendName, findAddon, writeSafetensors, type WritableTensor } from '@scmoe/tensor';
import { describeUnless, temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { openFolder } from '../folder/openFolder.js';
import { exportTensors } from './exportTensors.js';
import { importTensors, type ImportOptions } from './importTensors.js';
import { linkTensors } from './linkTensors.js';
import { same, transposed, type TensorRule } from './TensorRule.js';

const rules: TensorRule[] = [
  same('embedding', 'model.embed.weight'),
  transposed('block{layer}.attn.wq', 'model.h.{layer}.q.weight'),
  same(['block{layer}.wk', 'block{layer}.wv'], 'model.h.{layer}.kv'),
  transposed('block{layer}.experts.w1', 'model.h.{layer}.experts.{expert}.w1'),
  { ours: 'patches', theirs: 'model.conv', transposed: true, shape: [2, 1, 2, 2] },
];
const specs: ParameterSpecs = {
  embedding: { shape: [3, 2], initial: 'normal' },
  'block7.attn.wq': { shape: [2, 3], initial: 'normal' },
  'block7.wk': { shape: [2, 1], initial: 'normal' },
  'block7.wv': { shape: [2, 2], initial: 'normal' },
  'block7.experts.w1': { shape: [2, 1, 2], initial: 'normal' },
  patches: { shape: [4, 2], initial: 'normal' },
};
const f32 = (shape: number[], ...values: number[]) => ({
  dtype: 'F32' as const,
  shape,
  data: Float32Array.from(values),
});
const stored: Record<string, WritableTensor> = {
  'model.embed.weight': f32([3, 2], 1, 2, 3, 4, 5, 6),
  'model.h.7.q.weight': f32([3, 2], 1, 2, 3, 4, 5, 6),
  'model.h.7.kv': f32([2, 3], 1, 2, 3, 4, 5, 6),
  'model.h.7.experts.0.w1': f32([2, 1], 1, 2),
  'model.h.7.experts.1.w1': f32([2, 1], 3, 4),
  'model.conv': f32([2, 1, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8),
};
const ours = {
  embedding: [1, 2, 3, 4, 5, 6],
  'block7.attn.wq': [1, 3, 5, 2, 4, 6],
  'block7.wk': [1, 4],
  'block7.wv': [2, 3, 5, 6],
  'block7.experts.w1': [1, 2, 3, 4],
  patches: [1, 5, 2, 6, 3, 7, 4, 8],
};

const folder = temporaryFolderForEach();

async function read(
  tensors: Record<string, WritableTensor>,
  {
    options,
    ofSpecs = specs,
    ofRules = rules,
  }: { options?: ImportOptions; ofSpecs?: ParameterSpecs; ofRules?: TensorRule[] } = {},
): Promise<Record<string, number[]>> {
  writeFileSync(join(folder.path, 'config.json'), '{}');
  await writeSafetensors(join(folder.path, 'model.safetensors'), tensors);
  const opened = await openFolder(folder.path);
  try {
    const read = await importTensors(opened, linkTensors(ofRules, ofSpecs), options);
    const values = Object.entries(read).map(([name, tensor]) => {
      expect([name, tensor.shape]).toEqual([name, ofSpecs[name]!.shape]);
      return [name, Array.from(tensor.dataSync())] as const;
    });
    tf.dispose(read);
    return Object.fromEntries(values);
  } finally {
    await opened.close();
  }
}

describe('tensors of a checkpoint', () => {
  it('are renamed, transposed, split, stacked and reshaped, and back again', async () => {
    expect(await read(stored)).toEqual(ours);
    const tensors = Object.fromEntries(
      Object.entries(ours).map(([name, values]) => [name, tf.tensor(values, specs[name]!.shape)]),
    );
    const exported = exportTensors(linkTensors(rules, specs), tensors);
    for (const [name, { shape, data }] of Object.entries(exported)) {
      expect({ dtype: 'F32', shape, data: await data() }).toEqual(stored[name]);
    }
    expect(Object.keys(exported).sort()).toEqual(Object.keys(stored).sort());
    tf.dispose(tensors);
  });

  it('become float32 from every floating-point type', async () => {
    const half = {
      dtype: 'F16' as const,
      shape: [3, 2],
      data: Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600),
    };
    const brain = { dtype: 'BF16' as const, shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    expect(await read({ ...stored, 'model.embed.weight': half, 'model.h.7.q.weight': brain })).toEqual(ours);
  });

  it.each(['F32', 'BF16'] as const)('are read in blocks of some rows, whatever their size, %s', async (dtype) => {
    const [rows, columns] = [1501, 401];
    const data = Float32Array.from({ length: rows * columns }, (_, i) => (i * 7) % 251);
    const large = { ...specs, 'block7.attn.wq': { shape: [columns, rows], initial: 'normal' as const } };
    const tall = { ...large, 'block7.wk': { shape: [rows, 100], initial: 'normal' as const } };
    const ofSpecs = { ...tall, 'block7.wv': { shape: [rows, columns - 100], initial: 'normal' as const } };
    const tensor = { dtype, shape: [rows, columns], data };
    const tensors = { ...stored, 'model.h.7.q.weight': tensor, 'model.h.7.kv': tensor };
    const found = await read(tensors, { ofSpecs });
    const wrong = data.findIndex((value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const part =
        column < 100 ? found['block7.wk']![row * 100 + column] : found['block7.wv']![row * 301 + column - 100];
      return found['block7.attn.wq']![column * rows + row] !== value || part !== value;
    });
    expect(wrong).toBe(-1);
  });

  describeUnless(findAddon().problem, 'in mapped files', () => {
    beforeAll(() => tf.setBackend(backendName));
    afterAll(() => tf.setBackend('cpu'));

    const places: TensorRule[] = [
      transposed('block{layer}.attn.wq', 'model.h.{layer}.q.weight'),
      transposed(['block{layer}.gate', 'block{layer}.up'], 'model.h.{layer}.gate_up'),
      transposed('block{layer}.experts.w1', 'model.h.{layer}.experts.{expert}.w1'),
      same('embedding', 'model.embed.weight'),
    ];
    const numbers = (shape: number[], seed: number) => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7 + seed) % 251) - 125),
    });
    const initial = 'normal' as const;
    const ofSpecs: ParameterSpecs = {
      'block7.attn.wq': { shape: [5, 3], initial },
      'block7.gate': { shape: [2, 3, 4], initial, part: { first: 1, of: 4 } },
      'block7.up': { shape: [2, 3, 4], initial, part: { first: 1, of: 4 } },
      'block7.experts.w1': { shape: [2, 3, 5], initial, part: { first: 1, of: 3 } },
      embedding: { shape: [300, 70], initial },
    };
    const all = (dtype: 'F32' | 'BF16'): Record<string, WritableTensor> => ({
      'model.h.7.q.weight': { dtype, ...numbers([3, 5], 1) },
      'model.h.7.gate_up': { dtype, ...numbers([4, 8, 3], 2) },
      'model.h.7.experts.0.w1': { dtype, ...numbers([5, 3], 3) },
      'model.h.7.experts.1.w1': { dtype, ...numbers([5, 3], 4) },
      'model.h.7.experts.2.w1': { dtype, ...numbers([5, 3], 5) },
      'model.embed.weight': { dtype, ...numbers([300, 70], 6) },
    });

    it.each(['F32', 'BF16'] as const)('are what they are when they are read, %s', async (dtype) => {
      const options = { formatOf: () => 'float32' as const };
      const mapped = await read(all(dtype), { options, ofSpecs, ofRules: places });
      expect(mapped).toEqual(await read(all(dtype), { ofSpecs, ofRules: places }));
      expect(mapped['block7.experts.w1']!.slice(0, 3)).toEqual([-121, -100, -79]);
    });

    it('are there when the file has been replaced, and not when it was cut short before', async () => {
      const path = join(folder.path, 'model.safetensors');
      writeFileSync(join(folder.path, 'config.json'), '{}');
      await writeSafetensors(path, all('F32'));
      const opened = await openFolder(folder.path);
      const links = linkTensors(places, ofSpecs);
      const read = await importTensors(opened, links, { formatOf: () => 'float32' });
      await opened.close();
      await writeSafetensors(path, all('BF16'));
      expect(read['block7.attn.wq']!.arraySync()).toEqual(
        tf.transpose(tf.tensor2d(numbers([3, 5], 1).data, [3, 5])).arraySync(),
      );
      tf.dispose(read);
      const cut = await openFolder(folder.path);
      truncateSync(path, 1000);
      await expect(importTensors(cut, links, { formatOf: () => 'float32' })).rejects.toThrow(
        /model\.safetensors: the file ends at byte 1000/,
      );
      await cut.close();
    });
  });

  it('may be those of a bare backbone, without the prefix of their names', async () => {
    const bare = Object.fromEntries(
      Object.entries(stored).map(([name, tensor]) => [name.replace('model.', ''), tensor]),
    );
    expect(await read(bare, { options: { prefix: 'model.' } })).toEqual(ours);
  });

  it('of experts on other ranks are not read', async () => {
    const part = { first: 1, of: 2 };
    const ofSpecs = { ...specs, 'block7.experts.w1': { shape: [1, 1, 2], initial: 'normal' as const, part } };
    expect((await read(stored, { ofSpecs }))['block7.experts.w1']).toEqual([3, 4]);
  });

  it('that do not fit are all named', async () => {
    const { 'model.h.7.kv': _, ...rest } = stored;
    const wrong = {
      ...rest,
      'model.embed.weight': f32([2, 3], 1, 2, 3, 4, 5, 6),
      'model.conv': { dtype: 'I8' as const, shape: [2, 1, 2, 2], data: new Int8Array(8) },
      'model.extra': f32([1], 1),
      'model.mask': f32([1], 1),
    };
    const before = tf.memory().numTensors;
    await expect(read(wrong, { options: { isUnused: (name) => name.endsWith('mask') } })).rejects.toThrow(
      `${folder.path}: the tensors do not fit config.json: 'model.embed.weight' has shape (2, 3), expected (3, 2); ` +
        "'model.h.7.kv' is missing; 'model.conv' has type I8, expected F32, F16, BF16 or F64; 'model.extra' is not expected",
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leave nothing behind but the result', async () => {
    const before = tf.memory().numTensors;
    await read(stored);
    const kept = tf.memory().numTensors;
    expect(kept).toBe(before);
  });

  it('that no rule knows are named', () => {
    const more = { ...specs, 'block7.normPost.weight': { shape: [2], initial: 'ones' as const } };
    expect(() => linkTensors(rules, more)).toThrow('the format has no name for block7.normPost.weight');
  });
});
