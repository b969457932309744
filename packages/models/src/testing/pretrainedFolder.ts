import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { savePretrained } from '../huggingFace/pretrained.js';

const size = { vocabSize: 11, numLayers: 2, dModel: 8, numHeads: 2, sequenceLength: 6, ffnHidden: 12 };
/** A small GPT-2. */
export const gpt2: GptConfig = { ...size, activation: 'gelu_tanh', placement: 'every' };
/** What a small LLaMA has of its own. */
export const llamaLike = {
  ...size,
  positionEncoding: 'rotary',
  norm: 'rms',
  activation: 'swiglu',
  attentionBias: false,
  tiedEmbeddings: false,
  placement: 'every',
} as const;
/** A small Mixtral. */
export const mixtral: GptConfig = { ...llamaLike, numKvHeads: 1, moe: { kind: 'top2', numExperts: 3 } };
/** A small Qwen2-MoE, with experts in its second block. */
export const qwen2Moe: GptConfig = {
  ...llamaLike,
  attentionBias: 'qkv',
  moe: { kind: 'shared', numExperts: 3, expertHidden: 4, sharedHidden: 5, blocks: [1] },
};

/** A small Qwen3-MoE, with experts in its second block. */
export const qwen3Moe: GptConfig = {
  ...llamaLike,
  qkNorm: 'perHead',
  moe: { kind: 'top2', numExperts: 3, expertHidden: 4, blocks: [1] },
};

/** Contents of a JSON file. */
export type Json = Record<string, unknown>;

/** A folder for each test, and what tests do with the model that is saved there. */
export function pretrainedFolderForEach() {
  const folder: { readonly path: string } = temporaryFolderForEach();
  const at = (name: string) => join(folder.path, name);
  const readConfig = () => JSON.parse(readFileSync(at('config.json'), 'utf8')) as Json;
  return {
    folder,
    at,
    readConfig,
    changeConfig: (change: Json) => writeFileSync(at('config.json'), JSON.stringify({ ...readConfig(), ...change })),
    /** Saves a new model there. */
    save: async (config: GptConfig, options?: Parameters<typeof savePretrained>[2]): Promise<void> => {
      const model = new Gpt(config, { seed: 1 });
      await savePretrained(model, folder.path, options);
      model.dispose();
    },
  };
}

/** Logits of a short text. */
export function logitsOf(model: Gpt): Float32Array {
  return tf.tidy(() => {
    const ids = tf.tensor2d([[1, 2, 3, 4, 10, 0]], undefined, 'int32');
    return model.forward(ids).logits.dataSync<'float32'>().slice();
  });
}
