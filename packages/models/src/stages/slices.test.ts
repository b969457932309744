import { join } from 'node:path';

import { type Dispatcher, isExpertParameter, tensorAxis } from '@scmoe/layer';
import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import {
  microBatch,
  runGpt,
  slicedAheadCase,
  slicedCase,
  slicedFactors,
  slicedTargets,
  type GptOutcome,
} from '../testing/gptRanks.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import type { SlicedReport } from '../testing/slicedProgram.js';
import { takeParameters } from './takeParameters.js';

/** Largest difference in units of a gradient's largest element: the same numbers, added up slice by slice. */
const tolerance = 1e-5;
const largest = (numbers: Float32Array) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

const { tensorParallel: size, expertShards: shards } = slicedFactors;
const placeOf = (rank: number) => ({ experts: { rank, size, shards }, tensor: { rank, size } });

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

/** What rank `rank` has of a gradient of the whole. */
function sliceOf(name: string, whole: Float32Array, shape: number[], rank: number): Float32Array {
  const axis = tensorAxis(name);
  if (axis === undefined) return whole;
  return tf.tidy(() => tf.split(tf.tensor(whole, shape), size, axis)[rank]!.dataSync<'float32'>());
}

describeRanks('a model in slices on two ranks', () => {
  let reports: SlicedReport[];
  const ofOneRank: Record<string, { alone: GptOutcome; shapes: Record<string, number[]> }> = {};
  beforeAll(async () => {
    reports = await runRanks(join(import.meta.dirname, '..', 'testing', 'slicedProgram.ts'), size);
    for (const name of ['trained', 'adapted', 'ahead']) {
      const adapts = name === 'adapted' ? slicedTargets : undefined;
      const config = name === 'ahead' ? slicedAheadCase : slicedCase;
      const whole = new Gpt(config, { seed: 4 });
      if (adapts) whole.adapt(whole.planAdapter({ rank: 2, targets: adapts }), { seed: 1 });
      const shapes = Object.fromEntries(Object.entries(whole.variables).map(([key, { shape }]) => [key, shape]));
      ofOneRank[name] = { alone: await runGpt(config, 0, { adapts }), shapes };
      whole.dispose();
    }
  });

  it.each(['s1', 'base', 's2', 's2-fused', 'adapted, s1', 'adapted, base', 'ahead, s1', 'ahead, s2-fused'])(
    'has loss, gradients and texts of one rank, dropout and dropped tokens included: %s',
    (name) => {
      const { alone, shapes } = ofOneRank[name.includes(', ') ? name.split(', ')[0]! : 'trained']!;
      const scale = Math.max(...Object.values(alone.grads).map(largest));
      reports.forEach(({ outcomes }, rank) => {
        const { loss, grads, generated, numParameters } = outcomes[name]!;
        expect([Math.abs(loss - alone.loss) < 1e-5, generated, numParameters]).toEqual([
          true,
          alone.generated,
          alone.numParameters,
        ]);
        for (const [parameter, whole] of Object.entries(alone.grads)) {
          const expected = sliceOf(parameter, whole, shapes[parameter]!, rank);
          const off = largest(expected.map((x, i) => x - grads[parameter]![i]!));
          const own = largest(whole);
          const error = [parameter, grads[parameter]!.length, off / (own > 1e-5 * scale ? own : scale) <= tolerance];
          expect(error).toEqual([parameter, expected.length, true]);
        }
      });
    },
  );

  it.each(['s1', 'base', 's2', 's2-fused'])(
    'has the same bits where blocks run again or exchanges are hidden: %s',
    (name) => {
      for (const { outcomes } of reports) {
        const others = [`${name}, all kept`, `${name}, off kept`, `${name}, overlapped`];
        expect(others.map((other) => outcomes[other])).toEqual(others.map(() => outcomes[name]));
      }
    },
  );

  it('has the same gradients of what both ranks hold, bit for bit', () => {
    const [first, second] = reports.map(({ outcomes }) => outcomes['s1']!.grads) as [
      GptOutcome['grads'],
      GptOutcome['grads'],
    ];
    const shared = Object.keys(first).filter((name) => tensorAxis(name) === undefined);
    expect(shared.length).toBeGreaterThan(5);
    expect(shared.map((name) => second[name])).toEqual(shared.map((name) => first[name]));
  });

  it('asks for the group that holds the others', () => {
    expect(reports.map(({ refused }) => refused)).toEqual([
      'tensor: expected the group of rank 0 of 2, whose slice of the model is here, got none',
      'tensor: expected the group of rank 1 of 2, whose slice of the model is here, got none',
    ]);
  });
});

describe('a slice of a Gpt', () => {
  it('holds the numbers that it has in the whole model, made or taken', () => {
    const whole = new Gpt(slicedCase, { seed: 4 });
    for (const rank of [0, 1]) {
      const made = new Gpt(slicedCase, { seed: 4, ...placeOf(rank) });
      const taken = new Gpt(slicedCase, { seed: 5, ...placeOf(rank) });
      takeParameters(taken, whole);
      for (const [name, variable] of Object.entries(made.variables)) {
        const expected = sliceOf(
          name,
          whole.variables[name]!.dataSync<'float32'>(),
          whole.variables[name]!.shape,
          rank,
        );
        expect([name, variable.dataSync(), taken.variables[name]!.dataSync()]).toEqual([name, expected, expected]);
        if (isExpertParameter(name) && !name.endsWith('Bias'))
          expect(variable.size).toBe(whole.variables[name]!.size / 2);
      }
      tf.dispose([made.variables, taken.variables]);
    }
    whole.dispose();
  });

  it('merges adapters of its slice, which with the others make those of the whole', () => {
    const merged = (place: object) => {
      const model = new Gpt(slicedCase, { seed: 4, ...place });
      model.adapt(model.planAdapter({ rank: 2, alpha: 3, targets: slicedTargets }), { seed: 6 });
      for (const [name, variable] of Object.entries(model.variables))
        if (name.endsWith('.loraB')) tf.tidy(() => variable.assign(tf.mul(tf.ones(variable.shape), 0.1)));
      model.mergeAdapter();
      return model;
    };
    const whole = merged({});
    for (const rank of [0, 1]) {
      const own = merged(placeOf(rank));
      for (const [name, buffer] of Object.entries(own.buffers)) {
        const { shape } = whole.buffers[name]!;
        const expected = sliceOf(name, whole.buffers[name]!.dataSync<'float32'>(), shape, rank);
        const off = largest(expected.map((x, i) => x - buffer.dataSync()[i]!));
        expect([name, off <= 1e-6 * largest(expected)]).toEqual([name, true]);
      }
      own.dispose();
    }
    whole.dispose();
  });

  it('trains adapters of experts with those alone that hold the other slices', () => {
    const model = new Gpt(slicedCase, { seed: 4, experts: { rank: 0, size: 2, shards: 2 } });
    model.adapt(model.planAdapter({ rank: 2, targets: ['experts'] }), { seed: 6 });
    const dispatcher = { numRanks: 1, numShards: 2 } as unknown as Dispatcher;
    expect(() => model.loss(microBatch(0), { dispatcher, training: true, dropoutSeed: 1 })).toThrow(
      /^dispatcher: expected one with the 2 ranks that hold the slices of the experts .* got none$/,
    );
    model.dispose();
  });
});
