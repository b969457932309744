import { AdamW, type CompileFunction, Muon } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { randomTokenBatches, type TokenBatch } from '../data/tokenBatches.js';
import type { CompilableOptimizer } from '../optimizer/Optimizer.js';
import { AveragedOptimizer } from '../optimizer/AveragedOptimizer.js';
import { bigramModel } from '../testing/bigramModel.js';
import { compiledExecution } from './compiledExecution.js';
import { evaluate } from './evaluate.js';
import { type StepRecord, train, type TrainOptions } from './train.js';
import type { Trainable } from './Trainable.js';

const sequence = { ids: Uint16Array.from({ length: 200 }, (_, i) => (i * i) % 6), numBytes: 200 };

/** A compiler that runs a function as it stands, and sees to it that it makes no variable. */
function strictCompiler() {
  let compiled = 0;
  const compile = ((compute: (...args: unknown[]) => unknown) => {
    compiled++;
    const run = (...args: unknown[]) => {
      const variables = Object.keys(tf.engine().registeredVariables).length;
      const result = tf.tidy(() => compute(...args) as tf.TensorContainer);
      expect(Object.keys(tf.engine().registeredVariables)).toHaveLength(variables);
      return result;
    };
    return Object.assign(run, { dispose: () => void compiled-- });
  }) as CompileFunction;
  return { compile, open: () => compiled };
}

async function trained(
  { optimizer, ...options }: Partial<TrainOptions<TokenBatch>> & { optimizer: CompilableOptimizer },
  compile?: CompileFunction,
) {
  const model: Trainable<TokenBatch> = bigramModel(6);
  const records: StepRecord[] = [];
  const heard: number[] = [];
  const measuring: Trainable<TokenBatch> = {
    ...model,
    loss: (batch, context) => {
      const result = model.loss(batch, context);
      return { ...result, measured: { tokens: tf.sum(tf.onesLike(batch.ids)) } };
    },
    hear: ({ tokens }) => void heard.push(tokens!.dataSync()[0]!),
  };
  const execution = compile && compiledExecution(measuring, optimizer, compile);
  const evaluated = { ...measuring, ...(execution && { loss: execution.evaluation }) };
  const drawBatch = randomTokenBatches(sequence, { batchSize: 4, sequenceLength: 10, seed: 1 });
  await train({
    ...{ model: measuring, optimizer, drawBatch, execution, learningRate: (i) => 0.05 / (i + 1), steps: 4, clip: 0.1 },
    onStep: (record) => void records.push(record),
    ...options,
  });
  const batch = drawBatch(0);
  const validation = await evaluate(evaluated, [{ batch, weight: 1 }]);
  execution?.dispose();
  const values = Object.values(model.variables).map((variable) => Array.from(variable.dataSync()));
  return { records: records.map(({ seconds: _, ...record }) => record), heard, values, validation };
}

describe('a compiled execution', () => {
  const optimizers: [string, () => CompilableOptimizer][] = [
    ['AdamW', () => new AdamW()],
    ['Muon', () => new Muon()],
    ['AdamW, averaged', () => new AveragedOptimizer(new AdamW(), 0.9)],
  ];

  it.each(optimizers)('trains as operation by operation: %s', async (_, make) => {
    const options = { accumulate: 3 };
    const expected = await trained({ ...options, optimizer: make() });
    const { compile, open } = strictCompiler();
    const got = await trained({ ...options, optimizer: make() }, compile);
    expect(got.heard).toEqual(expected.heard);
    expect(got.heard).toHaveLength(12);
    got.records.forEach((record, i) => {
      expect(record.loss).toBeCloseTo(expected.records[i]!.loss, 5);
      expect(record.gradientNorm).toBeCloseTo(expected.records[i]!.gradientNorm, 5);
    });
    got.values.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.values.flat()[i]!, 4));
    expect(got.validation.loss).toBeCloseTo(expected.validation.loss, 5);
    expect(open()).toBe(0);
  });

  it('refuses losses over a whole step of several micro-batches', () => {
    const model = bigramModel(6);
    const execution = compiledExecution(model, new AdamW(), strictCompiler().compile);
    const batch = randomTokenBatches(sequence, { batchSize: 1, sequenceLength: 4, seed: 1 })(0);
    const whole = { numMicroBatches: 2, total: (own: tf.Tensor1D) => own };
    expect(() => execution.gradients(batch, { seed: 1, share: 1, whole })).toThrow(/whole: expected none/);
  });
});
