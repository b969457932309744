import type { GptConfig } from '@scmoe/models';
import * as tf from '@tensorflow/tfjs';

import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { GptTraining, type TrainingSize, type Way } from './GptTraining.js';

const ways: readonly Way[] = [
  { name: 'scmoe', backend: 'scmoe', compiled: false },
  { name: 'tensorflow, eager', backend: 'tensorflow', compiled: false },
  { name: 'tensorflow, compiled', backend: 'tensorflow', compiled: true },
];

/** The sizes of the benchmark: a small model and that of lm-train, each without a capacity and with one. */
export const trainingSizes: readonly TrainingSize[] = [
  { name: 'd 64', batch: 4, config: config({ dModel: 64, numHeads: 4, sequenceLength: 64 }, 0) },
  { name: 'd 64, capacity', batch: 4, config: config({ dModel: 64, numHeads: 4, sequenceLength: 64 }, 1.25) },
  { name: 'd 192', batch: 4, config: config({ dModel: 192, numHeads: 6, sequenceLength: 256 }, 0) },
  { name: 'd 192, capacity', batch: 4, config: config({ dModel: 192, numHeads: 6, sequenceLength: 256 }, 1.25) },
];

/** Calls before any is counted: the eager one, the compilation, and the comparisons of the 2nd, 4th and 8th. */
const warmUp = 9;

/** Trains a size in turn on the backend scmoe, on TensorFlow operation by operation, and compiled. @returns a table */
export async function compiledSuite(size: TrainingSize, { rounds = 3, steps = 2 } = {}): Promise<string> {
  const trainings = new Map<string, GptTraining>();
  const seconds = new Map<string, number[]>();
  const first = new Map<string, number>();
  for (const way of ways) {
    const training = await GptTraining.start(size, way);
    // Eager steps need no more than one to be warm, and are the slowest.
    const times = await training.run(way.compiled ? warmUp : 2);
    first.set(way.name, times[way.compiled ? 1 : 0]!);
    trainings.set(way.name, training);
    seconds.set(way.name, []);
  }
  // Further comparisons come with the 16th call: after the last of these.
  for (let round = 0; round < rounds; round++)
    for (const [name, training] of trainings) seconds.get(name)!.push(...(await training.run(steps)));

  const tokens = size.batch * (size.config as { sequenceLength: number }).sequenceLength;
  const reference = trainings.get('scmoe')!.losses;
  const rows = ways.map(({ name }) => {
    const time = median(seconds.get(name)!);
    const best = Math.min(...seconds.get(name)!);
    const { losses } = trainings.get(name)!;
    const differences = losses.slice(0, reference.length).map((loss, i) => Math.abs(loss - reference[i]!));
    return [
      size.name,
      name,
      milliseconds(time),
      milliseconds(best),
      (tokens / best).toFixed(0),
      `${(Math.min(...seconds.get('scmoe')!) / best).toFixed(2)}x`,
      `${first.get(name)!.toFixed(1)} s`,
      Math.max(...differences).toExponential(0),
    ];
  });
  tf.disposeVariables();
  return table(
    ['model', 'backend', 'median', 'best', 'tokens/s', 'best / scmoe', 'first or compiling step', 'loss differs by'],
    rows,
  );
}

const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;

function config(sizes: Pick<GptConfig, 'dModel' | 'numHeads' | 'sequenceLength'>, capacityFactor: number): GptConfig {
  const moe = { kind: 'scmoe', numExperts: 8, capacityFactor } as const;
  return { vocabSize: 256, numLayers: 4, positionEncoding: 'rotary', ...sizes, moe };
}
