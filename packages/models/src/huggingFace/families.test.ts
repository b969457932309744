import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { availableBackends, referenceCheckpoint } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import { gpt2, llamaLike, mixtral, pretrainedFolderForEach } from '../testing/pretrainedFolder.js';
import { Vit } from '../vit/Vit.js';
import { families } from './families.js';
import { loadPretrained, readPretrainedConfig, savePretrained } from './pretrained.js';

const { changeConfig, folder, save, readConfig } = pretrainedFolderForEach();

beforeAll(() => tf.setBackend(availableBackends()[0]!));

describe('loadPretrained', () => {
  it('loads every family by its model type, and only what is asked for', async () => {
    await save(gpt2);
    const model = await loadPretrained(folder.path);
    expect(model).toBeInstanceOf(Gpt);
    model.dispose();
    await expect(loadPretrained(folder.path, { as: Vit })).rejects.toThrow(
      /config\.json: model_type: expected one of vit, got "gpt2"$/,
    );
    await expect(readPretrainedConfig(folder.path, { as: LongcatFlash })).rejects.toThrow(
      /config\.json: model_type: expected one of longcat_flash, got "gpt2"$/,
    );
  });

  it('says that code of a folder is not run', async () => {
    await save(gpt2);
    changeConfig({ model_type: 'own', auto_map: { AutoModelForCausalLM: 'modeling_own.OwnForCausalLM' } });
    await expect(loadPretrained(folder.path)).rejects.toThrow(
      /config\.json: auto_map: "own" is a model of remote code, which is never run; expected model_type to be one of gpt2, /,
    );
  });

  it('refuses images for a model that has no use for them', async () => {
    await save(gpt2);
    await expect(loadPretrained(folder.path, { imageSize: 32 })).rejects.toThrow(
      'imageSize: expected none for a model of type gpt2, which classifies no images, got 32',
    );
  });

  it('refuses what differs from layer to layer (Hunyuan), and scaled angles that others have not', async () => {
    const config = JSON.parse(
      readFileSync(join(referenceCheckpoint('hunyuan_v1_moe'), 'config.json'), 'utf8'),
    ) as object;
    writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ ...config, moe_topk: [2, 1] }));
    await expect(readPretrainedConfig(folder.path)).rejects.toThrow(
      /config\.json: moe_topk: expected an integer of at least 1, or 2 of the same, got \[2,1\]$/,
    );
    const rope = { rope_type: 'dynamic', rope_theta: 50, factor: 2 };
    writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ ...config, rope_parameters: rope }));
    await expect(readPretrainedConfig(folder.path)).rejects.toThrow(
      /rope_parameters: only rope_type "default", .* are supported/,
    );
  });

  it('gives the configuration without the weights', async () => {
    await save(mixtral);
    const model = await loadPretrained(folder.path);
    expect(await readPretrainedConfig(folder.path)).toEqual(model.config);
    model.dispose();
  });
});

describe('a model that was loaded', () => {
  it('is saved as the family that it was loaded as', async () => {
    await save({ ...llamaLike }, { modelType: 'mistral' });
    const model = await loadPretrained(folder.path, { as: Gpt });
    await savePretrained(model, folder.path);
    expect(readConfig()['model_type']).toBe('mistral');
    model.dispose();
  });

  it('is saved as another where that is asked for', async () => {
    await save({ ...llamaLike }, { modelType: 'mistral' });
    const model = await loadPretrained(folder.path, { as: Gpt });
    await savePretrained(model, folder.path, { modelType: 'llama' });
    expect(readConfig()['model_type']).toBe('llama');
    model.dispose();
  });
});

describe('docs/families.md', () => {
  it('lists the families that there are, each once', () => {
    const text = readFileSync(fileURLToPath(new URL('../../../../docs/families.md', import.meta.url)), 'utf8');
    const listed = [...text.matchAll(/^\| `(\w+)` +\| `(\w+)`/gm)].map(([, type, model]) => `${type} ${model}`);
    expect(listed.sort()).toEqual(families.map(({ modelType, model }) => `${modelType} ${model.name}`).sort());
  });
});
