import { join } from 'node:path';

import { dryCommunicator, StoreServer } from '@scmoe/comm';
import { Muon, stepMemory, useBackend } from '@scmoe/tensor';
import { runRanks } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { describeRanks } from '../testing/openRanks.js';
import { muonFactors, muonNumbers, muonStep, type MuonState, type Numbers } from '../testing/slicedMuonSteps.js';
import { dealMatrices } from './orthogonalizeOver.js';
import { slicedMatrices } from './slicedMatrices.js';

beforeAll(() => useBackend('scmoe', { threads: 1 }));

/** The largest difference, in units of a tensor's largest number. */
function apart(actual: Numbers, expected: Numbers): number {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  const largest = (data: Float32Array) => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const each = Object.entries(expected).map(([name, { shape, data }]) => {
    expect([name, actual[name]!.shape]).toEqual([name, shape]);
    return largest(data.map((x, i) => x - actual[name]!.data[i]!)) / largest(data);
  });
  return Math.max(...each);
}

describeRanks('Muon on slices of matrices', () => {
  it('moves them as one rank does, from one factorisation of four ranks to the next', async () => {
    const size = 4;
    const program = join(import.meta.dirname, '..', 'testing', 'slicedMuonProgram.ts');
    const [states] = await runRanks<MuonState[]>(program, size, (token) =>
      StoreServer.listen({ token, silenceMs: 60_000 }),
    );
    let alone: Pick<MuonState, 'parameters' | 'state'> = { parameters: muonNumbers(1), state: {} };
    expect(states).toHaveLength(muonFactors(size).length);
    for (const [step, { parameters, state, tensorsLeft }] of states!.entries()) {
      const next = (await muonStep(alone, { step }))!;
      // Whole matrices are orthogonalised, whoever does it: the same bits.
      expect([step, apart(parameters, next.parameters), apart(state, next.state)]).toEqual([step, 0, 0]);
      expect(tensorsLeft).toBe(next.tensorsLeft);
      alone = next;
    }
  });
});

describe('matrices in slices', () => {
  it('are dealt out by what their directions take, the largest first', () => {
    const deals = dealMatrices(
      [
        [1, 4, 4],
        [2, 8, 8],
        [5, 4, 4],
      ],
      2,
    );
    expect(deals).toEqual([
      [1, 0],
      [1, 1],
      [2, 3],
    ]);
    expect(dealMatrices([[1, 9, 9]], 4)).toEqual([[1, 0, 0, 0]]);
  });

  it('are no more at a time than a tile has numbers, and than there are ranks', async () => {
    const tensor = dryCommunicator({ rank: 1, size: 4 });
    const placement = { isSharded: () => true, slicedAxis: () => 2 };
    const slices = slicedMatrices({ shards: tensor }, placement);
    const peakOf = async (tileValues: number) => {
      const { peakBytes } = await stepMemory(() => {
        const optimizer = new Muon({ slices, tileValues });
        const gradients = { w: tf.ones([64, 16, 8]) };
        const variables = { w: tf.tidy(() => tf.variable(tf.zeros([64, 16, 8]))) };
        optimizer.step(variables, gradients, { learningRate: 0.1 });
        optimizer.dispose();
        tf.dispose([variables, gradients]);
      });
      return peakBytes;
    };
    const whole = 4 * 64 * 16 * 8;
    // Parameters, gradients, momenta, the new values in parts and together, and rounds of eight matrices in place of all.
    const [small, large] = [await peakOf(8 * 16 * 8), await peakOf(2 ** 20)];
    expect(small).toBeLessThan(7.2 * whole);
    expect(large).toBeGreaterThan(15 * whole);
  });

  it('are none where no rank has slices', () => {
    expect(slicedMatrices({}, { isSharded: () => false })).toEqual([]);
  });
});
