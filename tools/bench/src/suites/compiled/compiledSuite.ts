import type { GptConfig } from '@scmoe/models';
import * as tf from '@tensorflow/tfjs';

import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { GptTraining, type TrainingSize, type Way } from './GptTraining.js';

/** All that train in turn. `--no-compile` of lm-train is the second, its default on this backend the first. */
export const ways: readonly Way[] = [
  { name: 'scmoe, captured', backend: 'scmoe', compiled: false, captured: true },
  { name: 'scmoe', backend: 'scmoe', compiled: false },
  { name: 'tensorflow, eager', backend: 'tensorflow', compiled: false },
  { name: 'tensorflow, compiled', backend: 'tensorflow', compiled: true },
  { name: 'tensorflow, compiled, XLA alone', backend: 'tensorflow', compiled: true, xlaAlone: true },
];

const small = { dModel: 64, numHeads: 4, sequenceLength: 64 };
const large = { dModel: 256, numHeads: 4, sequenceLength: 256 };

/** The sizes of the benchmark: a small model and one whose products take most of a step, without a capacity and with one; a deep one. */
export const trainingSizes: readonly TrainingSize[] = [
  { name: 'd 64', batch: 4, config: config({ ...small, numLayers: 4 }, 0) },
  { name: 'd 64, capacity', batch: 4, config: config({ ...small, numLayers: 4 }, 1.25) },
  { name: 'd 64, 12 blocks', batch: 4, config: config({ ...small, numLayers: 12 }, 0) },
  { name: 'd 256', batch: 4, config: config({ ...large, numLayers: 8 }, 0) },
  { name: 'd 256, 12 blocks', batch: 4, config: config({ ...large, numLayers: 12 }, 0) },
  { name: 'd 256, capacity', batch: 4, config: config({ ...large, numLayers: 8 }, 1.25) },
];

/**
 * Calls before any is counted: the eager one, the compilation, and the comparisons of the 2nd and 4th, before the 8th; of the 8th as
 * well where more are counted, before the 16th.
 */
const warmUpFor = (counted: number) => (counted > 3 ? 9 : 5);

/** Trains a size in turn in every way, the first of which the others are compared with. @returns a table */
export async function compiledSuite(
  size: TrainingSize,
  { rounds = 3, steps = 2, only = ways }: { rounds?: number; steps?: number; only?: readonly Way[] } = {},
): Promise<string> {
  const trainings = new Map<string, GptTraining>();
  const seconds = new Map<string, number[]>();
  const firstSeconds = new Map<string, number>();
  for (const way of only) {
    const training = await GptTraining.start(size, way);
    // Eager steps need no more than one to be warm, and are the slowest; a capture is complete with its third.
    const times = await training.run(way.compiled ? warmUpFor(rounds * steps) : way.captured ? 4 : 2);
    firstSeconds.set(way.name, times[way.compiled ? 1 : 0]!);
    trainings.set(way.name, training);
    seconds.set(way.name, []);
  }
  for (let round = 0; round < rounds; round++)
    for (const { name, captured } of only) {
      const training = trainings.get(name)!;
      // TensorFlow takes all variables of the process where it records a step: what was captured is captured again, by two calls.
      if (captured) await training.run(2);
      seconds.get(name)!.push(...(await training.run(steps)));
    }

  const tokens = size.batch * (size.config as { sequenceLength: number }).sequenceLength;
  const [{ name: first }] = only as [Way];
  const reference = trainings.get(first)!.losses;
  const rows = only.map(({ name }) => {
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
      `${(Math.min(...seconds.get(first)!) / best).toFixed(2)}x`,
      `${firstSeconds.get(name)!.toFixed(1)} s`,
      Math.max(...differences).toExponential(0),
    ];
  });
  tf.disposeVariables();
  return table(
    ['model', 'backend', 'median', 'best', 'tokens/s', `best / ${first}`, 'first or compiling step', 'loss differs by'],
    rows,
  );
}

const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;

function config(
  sizes: Pick<GptConfig, 'dModel' | 'numHeads' | 'sequenceLength' | 'numLayers'>,
  capacityFactor: number,
): GptConfig {
  const moe = { kind: 'scmoe', numExperts: 8, capacityFactor } as const;
  return { vocabSize: 256, positionEncoding: 'rotary', ...sizes, moe };
}
