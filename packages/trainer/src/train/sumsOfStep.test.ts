import { join } from 'node:path';

import { StoreServer } from '@scmoe/comm';
import type { RouterLossName } from '@scmoe/gating';
import { runRanks } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { describeRanks, withRanks } from '../testing/openRanks.js';
import { numMicroBatches, routerLossNames as names, routerLossStep as stepOf } from '../testing/routerLossStep.js';

type Step = Awaited<ReturnType<typeof stepOf>>;

function expectSame(actual: Step, expected: Step) {
  expect(actual.loss).toBeCloseTo(expected.loss, 4);
  for (const [parameter, gradient] of Object.entries(expected.grads)) {
    expect(gradient.some((value) => Math.abs(value) > 1e-4)).toBe(true);
    const apart = gradient.map((value, i) => Math.abs(value - actual.grads[parameter]![i]!));
    expect([parameter, Math.max(...apart)]).toEqual([parameter, expect.closeTo(0, 5)]);
  }
}

/** Those of which the mean over micro-batches is something else than the loss of all tokens. */
const nonLinear = names.filter((name) => name !== 'zLoss' && name !== 'sequenceBalance');
const batch = (name: RouterLossName) => stepOf(name, { accumulate: 1, perBatch: numMicroBatches });

describe('train with losses over the step', () => {
  it.each(names)('gives four micro-batches the loss of one batch: %s', async (name) => {
    const before = tf.memory().numTensors;
    expectSame(await stepOf(name, { accumulate: numMicroBatches, lossesOver: 'step' }), await batch(name));
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(nonLinear)('which micro-batches each for itself do not have: %s', async (name) => {
    const [apart, together] = [await stepOf(name, { accumulate: numMicroBatches }), await batch(name)];
    expect(Math.abs(apart.loss - together.loss)).toBeGreaterThan(1e-3);
  });
});

describeRanks('train with losses over the step, on ranks', () => {
  it.each(names)('gives two micro-batches on each of two ranks the loss of one batch: %s', async (name) => {
    const steps = await withRanks(2, {
      expertParallel: 1,
      use: (ranks) =>
        Promise.all(ranks.map((groups) => stepOf(name, { accumulate: numMicroBatches, groups, lossesOver: 'step' }))),
    });
    const expected = await batch(name);
    for (const step of steps) expectSame(step, expected);
  });

  it('gives one micro-batch on each of two ranks the loss of one batch, without another forward pass', async () => {
    const program = join(import.meta.dirname, '..', 'testing', 'routerLossProgram.ts');
    const ranks = await runRanks<Record<string, [Step, Step]>>(program, 2, (token) =>
      StoreServer.listen({ token, silenceMs: 60_000 }),
    );
    for (const name of names) {
      const expected = await batch(name);
      for (const steps of ranks) {
        const [step, again] = steps[name]!;
        expectSame(step, expected);
        expect([name, step.passes]).toEqual([name, 1]);
        expect(again).toEqual(step);
      }
    }
  });
});
