import { alternate } from '../../alternate.js';
import { median } from '../../statistics.js';
import { SecondsTraining, type SecondsData } from './SecondsTraining.js';
import type { SecondsSizes, SecondsVariant } from './variants.js';

/** Steps before the measured ones: the third of a shape is captured. */
const warmUpSteps = 4;
/** Steps of a contender in a row, of which the first finds the caches full of another one's. */
const stepsAtATime = 4;

/** What `measurePaces` measures. */
export interface PaceTask {
  data: SecondsData;
  sizes: SecondsSizes;
  lr: number;
  /** How often each contender has its turn. */
  rounds: number;
}

/** Seconds of a step of each contender, measured in turn on a machine that should have nothing else to do: medians. */
export async function measurePaces(
  variants: readonly SecondsVariant[],
  { data, sizes, lr, rounds }: PaceTask,
): Promise<Record<string, number>> {
  const all = variants.map((variant) => ({ variant, training: new SecondsTraining(variant, data, sizes, 1), step: 0 }));
  const seconds = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  const advance = async (one: (typeof all)[number], count: number) => {
    const times: number[] = [];
    await one.training.train({
      learningRate: () => lr / 100,
      startStep: one.step,
      steps: one.step + count,
      onStep: ({ seconds }) => void times.push(seconds),
    });
    one.step += count;
    return times;
  };
  for (const one of all) await advance(one, warmUpSteps);
  await alternate(
    all.map((one) => ({
      name: one.variant.name,
      run: async () => {
        const [, ...times] = await advance(one, stepsAtATime);
        seconds.get(one.variant.name)!.push(...times);
        return median(times);
      },
    })),
    rounds,
  );
  for (const { training } of all) training.dispose();
  return Object.fromEntries([...seconds].map(([name, times]) => [name, median(times)]));
}
