import { Gpt, type GptConfig } from '@scmoe/models';
import { AdamW, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

const moe: GptConfig['moe'] = { kind: 'scmoe', numExperts: 4 };
const model = new Gpt({ vocabSize: 256, numLayers: 4, dModel: 64, numHeads: 4, sequenceLength: 32, moe }, { seed: 1 });
const batch = { ids: tf.zeros<tf.Rank.R2>([1, 8], 'int32'), targets: tf.zeros<tf.Rank.R2>([1, 8], 'int32') };
const { value, grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
new AdamW().step(model.variables, grads, { learningRate: 3e-3 });
const tokens: number[] = await model.generate([1, 2, 3], { maxNewTokens: 20, temperature: 0 });
console.log(value.dataSync()[0], tokens);
