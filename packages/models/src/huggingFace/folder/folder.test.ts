import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { readSafetensors, writeSafetensors, type DeferredTensor } from '@scmoe/tensor';
import { temporaryFolderForEach } from '@scmoe/testing';

import { Float } from '../config/Float.js';
import { PretrainedError } from '../PretrainedError.js';
import { openFolder, readHuggingFace } from './openFolder.js';
import { writeFolder } from './writeFolder.js';

const folder = temporaryFolderForEach();
const at = (...names: string[]) => join(folder.path, ...names);
const config = { model_type: 'anything' };

function tensor(...values: number[]): DeferredTensor {
  return { dtype: 'F32', shape: [values.length], data: () => Float32Array.from(values) };
}

const tensors = { c: tensor(5, 6), a: tensor(1, 2, 3), b: tensor(4) };
const asRead = { a: [1, 2, 3], b: [4], c: [5, 6] };

async function read(): Promise<Record<string, number[]>> {
  const found = (await readHuggingFace(folder.path)).tensors;
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

describe('a folder of weights', () => {
  it('is one file, its tensors in the order of their names', async () => {
    await writeFolder(folder.path, { config, tensors });
    expect(readdirSync(folder.path).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(await read()).toEqual(asRead);
    const { metadata, tensors: stored } = await readSafetensors(at('model.safetensors'));
    expect(metadata).toEqual({ format: 'pt' });
    expect(Object.keys(stored)).toEqual(['a', 'b', 'c']);
    expect((await readHuggingFace(folder.path)).config).toEqual(config);
  });

  it('has floats in its configuration that Python takes for floats', async () => {
    const numbers = { a: new Float(0), b: new Float(1e-7), c: [new Float(1e21)], d: 3, e: 'float: 1' };
    await writeFolder(folder.path, { config: numbers, tensors });
    const text = readFileSync(at('config.json'), 'utf8').replace(/\s+/g, '');
    expect(text).toBe('{"a":0.0,"b":1e-7,"c":[1e+21],"d":3,"e":"float:1"}');
  });

  it('is split beyond the limit, with an index, a large tensor alone', async () => {
    await writeFolder(folder.path, { config, tensors }, { maxShardBytes: 12 });
    const shards = [1, 2].map((i) => `model-0000${i}-of-00002.safetensors`);
    expect(readdirSync(folder.path).sort()).toEqual(['config.json', ...shards, 'model.safetensors.index.json'].sort());
    expect(JSON.parse(readFileSync(at('model.safetensors.index.json'), 'utf8'))).toEqual({
      metadata: { total_size: 24 },
      weight_map: { a: shards[0], b: shards[1], c: shards[1] },
    });
    expect(await read()).toEqual(asRead);

    await writeFolder(folder.path, { config, tensors }, { maxShardBytes: 1 });
    expect(readdirSync(folder.path).filter((name) => name.includes('-of-00003'))).toHaveLength(3);
    expect(await read()).toEqual(asRead);
  });

  it('replaces what was there, in one file or in many', async () => {
    await writeFolder(folder.path, { config, tensors }, { maxShardBytes: 1 });
    await writeFolder(folder.path, { config, tensors: { d: tensor(7) } });
    expect(readdirSync(folder.path).sort()).toEqual(['config.json', 'model.safetensors']);
    await writeFolder(folder.path, { config, tensors }, { maxShardBytes: 1 });
    expect(readdirSync(folder.path)).not.toContain('model.safetensors');
    expect(await read()).toEqual(asRead);
  });

  it('gives single tensors, reading no others', async () => {
    await writeFolder(folder.path, { config, tensors });
    const opened = await openFolder(folder.path);
    expect([...opened.tensors.keys()]).toEqual(['a', 'b', 'c']);
    expect((await opened.read('b')).data).toEqual(Float32Array.of(4));
    expect(() => opened.read('x')).toThrow(`${folder.path}: there is no tensor 'x'`);
    await opened.close();
  });

  it('refuses a limit that is none', async () => {
    await expect(writeFolder(folder.path, { config, tensors }, { maxShardBytes: 0 })).rejects.toThrow(
      /maxShardBytes: expected a number of bytes > 0, got 0/,
    );
  });
});

describe('a folder that can not be read', () => {
  const index = (map: object) => writeFileSync(at('model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  const cases: [string, () => Promise<void> | void, RegExp][] = [
    ['that has no configuration', () => rm(at('config.json')), /there is no config.json/],
    ['whose configuration is no JSON', () => writeFileSync(at('config.json'), '{'), /config.json is not valid JSON/],
    ['whose configuration is a list', () => writeFileSync(at('config.json'), '[]'), /config.json: expected a JSON obj/],
    ['without weights', () => rm(at('model.safetensors.index.json')), /neither model.safetensors nor model.safetens/],
    [
      'with weights in another format',
      async () => {
        await rm(at('model.safetensors.index.json'));
        writeFileSync(at('pytorch_model.bin'), '');
      },
      /; pytorch_model.bin can't be read, save the model as safetensors/,
    ],
    ['whose index has no map', () => writeFileSync(at('model.safetensors.index.json'), '{}'), /expected "weight_map"/],
    ['whose index leads elsewhere', () => index({ a: '../a.safetensors' }), /got "..\/a.safetensors" for 'a'/],
    [
      'where a shard is missing',
      () => rm(at('model-00002-of-00003.safetensors')),
      /model-00002-of-00003.safetensors is missing: model.safetensors.index.json names it/,
    ],
    [
      'whose index is wrong',
      () => index({ a: 'model-00001-of-00003.safetensors', z: 'model-00002-of-00003.safetensors' }),
      /does not fit the files: 'z' is not in model-00002-of-00003.safetensors/,
    ],
    [
      'where two shards have the same tensor',
      () => cp(at('model-00001-of-00003.safetensors'), at('model-00002-of-00003.safetensors')),
      /'a' is in both .*00001-of-00003.safetensors and .*00002-of-00003.safetensors/,
    ],
  ];
  it.each(cases)('%s', async (_, damage, message) => {
    await writeFolder(folder.path, { config, tensors }, { maxShardBytes: 1 });
    await damage();
    const error: unknown = await openFolder(folder.path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PretrainedError);
    expect((error as Error).message).toMatch(message);
  });

  it('whose weights are cut off', async () => {
    await writeFolder(folder.path, { config, tensors });
    writeFileSync(at('model.safetensors'), readFileSync(at('model.safetensors')).subarray(0, -4));
    await expect(openFolder(folder.path)).rejects.toThrow(/model.safetensors: the tensors need 24 bytes/);
  });

  it('where a folder stands in the place of a file', async () => {
    await mkdir(at('config.json'));
    await writeSafetensors(at('model.safetensors'), {});
    await expect(openFolder(folder.path)).rejects.toThrow(/config.json: EISDIR/);
  });
});
