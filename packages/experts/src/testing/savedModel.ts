import { join } from 'node:path';

import { configOfSettings } from '@scmoe/gating';
import { Gpt, gptOptions, moeOptions, type GptConfig, type MoeConfig } from '@scmoe/models';
import { AdamW, valueAndGrads } from '@scmoe/tensor';
import { byteTokenizer, saveCheckpoint, type JsonObject } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

/** A small language model of bytes, in the settings that a run of lm-train keeps. */
export const settings = {
  dModel: 16,
  numLayers: 4,
  numHeads: 2,
  sequenceLength: 32,
  ffnHidden: 24,
  kind: 'scmoe',
  numExperts: 8,
  topK: 2,
  placement: 'pairs',
  batchSize: 4,
  validationFraction: 0.25,
} satisfies JsonObject;

/** The model of such settings. */
export function gptOf(given: JsonObject, seed = 3): Gpt {
  const moe = configOfSettings(moeOptions, given) as unknown as MoeConfig;
  const config = configOfSettings(gptOptions, given) as unknown as GptConfig;
  return new Gpt({ ...config, vocabSize: byteTokenizer().vocabSize, moe }, { seed });
}

/**
 * Saves a model as a run does after some steps, so that the optimizer has a state.
 *
 * @param change what else becomes of the parameters before they are saved
 * @returns the folder of the run
 */
export async function saveModel(
  folder: string,
  {
    steps = 2,
    change,
    dataDescription,
    ...given
  }: {
    steps?: number;
    change?: (variables: Record<string, tf.Variable>) => void;
    /** That of bytes by default. */
    dataDescription?: JsonObject;
    [setting: string]: unknown;
  } = {},
): Promise<string> {
  const config = { ...settings, ...given } as JsonObject;
  const model = gptOf(config);
  const optimizer = new AdamW();
  const text = Int32Array.from({ length: 132 }, (_, i) => 97 + ((i * i) % 23));
  const rows = (shift: number) => tf.tensor2d(text.subarray(shift, shift + 128), [4, 32], 'int32');
  for (let step = 0; step < steps; step++) {
    tf.tidy(() => {
      const batch = { ids: rows(0), targets: rows(1) };
      const { grads } = valueAndGrads(() => model.loss(batch, { training: true }).loss, model.variables);
      optimizer.step(model.variables, grads, { learningRate: 1e-2 });
    });
  }
  change?.({ ...model.variables, ...model.buffers });
  const { description, vocabSize } = byteTokenizer();
  await saveCheckpoint(join(folder, 'checkpoints'), {
    step: steps,
    config,
    dataFingerprint: 'a test',
    dataDescription: dataDescription ?? { tokenizer: description as unknown as JsonObject, vocabSize },
    parameters: { ...model.variables, ...model.buffers },
    optimizer: { name: optimizer.name, stepCount: steps, state: optimizer.state() },
  });
  model.dispose();
  optimizer.dispose();
  return folder;
}
