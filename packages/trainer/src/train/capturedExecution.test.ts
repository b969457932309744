import { jest } from '@jest/globals';
import { describeUnless } from '@scmoe/testing';
import { AdamW, dropout, embedding, findAddon, linear, softmaxCrossEntropy, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { randomTokenBatches, type TokenBatch } from '../data/tokenBatches.js';
import { capturedExecution } from './capturedExecution.js';
import { evaluate } from './evaluate.js';
import { type StepRecord, train, type TrainOptions } from './train.js';
import type { Trainable } from './Trainable.js';

const sequence = { ids: Uint16Array.from({ length: 200 }, (_, i) => (i * i) % 6), numBytes: 200 };
const drawBatch = randomTokenBatches(sequence, { batchSize: 4, sequenceLength: 10, seed: 1 });

/** An embedding, a layer with dropout, and what its passes have measured. */
function makeModel() {
  const random = (shape: [number, number], seed: number) =>
    tf.tidy(() => tf.variable(tf.randomNormal<tf.Rank.R2>(shape, 0, 1, 'float32', seed)));
  const variables = { table: random([6, 8], 1), layer: random([8, 8], 2), head: random([8, 6], 3) };
  const heard: number[] = [];
  const model: Trainable<TokenBatch> = {
    variables,
    loss: ({ ids, targets }, { training, seed }) => {
      const found = tf.reshape<tf.Rank.R2>(embedding(ids, variables.table), [-1, 8]);
      const hidden = linear(found, variables.layer, undefined, { activation: 'gelu' });
      const kept = training ? dropout(hidden, { rate: 0.3, seed }) : hidden;
      const loss = softmaxCrossEntropy(linear(kept, variables.head), tf.reshape(targets, [-1]));
      return { loss, metrics: { crossEntropy: loss }, measured: { mean: tf.mean(kept) } };
    },
    hear: ({ mean }) => void heard.push(mean!.dataSync()[0]!),
  };
  return { model, heard };
}

async function trained(options: Partial<TrainOptions<TokenBatch>>, isCaptured: boolean) {
  const { model, heard } = makeModel();
  const optimizer = new AdamW();
  const execution = isCaptured ? capturedExecution(model, optimizer) : undefined;
  const records: StepRecord[] = [];
  const onStep = (record: StepRecord) => void records.push(record);
  await train({
    ...{ model, optimizer, execution, drawBatch, learningRate: (i) => 0.05 / (i + 1), steps: 6, clip: 0.1, onStep },
    ...options,
  });
  const evaluated = { ...model, ...(execution && { loss: execution.evaluation }) };
  const validation = [];
  for (let pass = 0; pass < 4; pass++)
    validation.push(await evaluate(evaluated, [{ batch: drawBatch(pass), weight: 1 }]));
  execution?.dispose();
  const values = Object.values(model.variables).map((variable) => Array.from(variable.dataSync()));
  tf.dispose(model.variables);
  optimizer.dispose();
  return { records: records.map(({ seconds: _, ...record }) => record), heard, values, validation };
}

describeUnless(findAddon().problem, 'a captured execution', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  it.each([1, 3])(
    'trains and evaluates by the same bits as operation by operation, %d micro-batches a step',
    async (accumulate) => {
      const expected = await trained({ accumulate }, false);
      expect(await trained({ accumulate }, true)).toEqual(expected);
      expect(expected.heard).toHaveLength(6 * accumulate);
    },
  );

  it('gives its passes no kernel through TF.js from the third step on', async () => {
    const forward = jest.fn();
    const { model } = makeModel();
    const counting: Trainable<TokenBatch> = {
      ...model,
      loss: (batch, context) => {
        forward();
        return model.loss(batch, context);
      },
    };
    const optimizer = new AdamW();
    const execution = capturedExecution(counting, optimizer);
    await train({ ...{ model: counting, optimizer, execution, drawBatch, learningRate: () => 0.01, steps: 6 } });
    expect(forward).toHaveBeenCalledTimes(2);
    execution.dispose();
    optimizer.dispose();
    tf.dispose(model.variables);
  });

  it('leaves no tensor behind', async () => {
    await trained({}, true);
    const { numTensors } = tf.memory();
    await trained({}, true);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
