import { dryCommunicator, init } from '@scmoe/comm';
import { dispatchOver, isExpertParameter, tensorAxis } from '@scmoe/layer';
import { Gpt, type GptConfig } from '@scmoe/models';
import { stepMemory, tensorMemory, useBackend } from '@scmoe/tensor';
import { type Optimizer, train } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { byteSize } from '../options/parsers.js';
import { createOptimizer } from '../training/createOptimizer.js';
import { trainable } from '../training/trainable.js';
import { runQuarters } from '../testing/runQuarters.js';
import { MemoryWatch } from './MemoryWatch.js';
import { planMemory } from './planMemory.js';
import { MemoryPredictor, totalOf, type TrainingParts } from './trainingMemory.js';

const config: GptConfig = {
  vocabSize: 32,
  numLayers: 4,
  dModel: 32,
  numHeads: 2,
  sequenceLength: 32,
  moe: { kind: 'scmoe', numExperts: 4 },
};
const adamW = { optimizer: 'adamw', weightDecay: 0.1, averageDecay: 0, seed: 1 } as const;
const alone = { groups: undefined, numExperts: 4 };

const lines: string[] = [];
const terminal = { out: { write: (text: string) => (lines.push(text), true) } } as unknown as Parameters<
  typeof planMemory
>[2];

let model: Gpt;
let freshOptimizer: () => Optimizer;

beforeAll(async () => {
  await useBackend('scmoe', { threads: 1 });
  model = new Gpt(config, { seed: 3 });
});
beforeEach(() => {
  lines.length = 0;
  freshOptimizer = () => createOptimizer(adamW, alone);
});

function partsOf(optimizer: Optimizer = freshOptimizer()): TrainingParts {
  const drawBatch = () => ({
    ids: tf.fill<tf.Rank.R2>([8, 32], 5, 'int32'),
    targets: tf.fill<tf.Rank.R2>([8, 32], 6, 'int32'),
  });
  return {
    trained: (options) => trainable(model, options),
    buffers: model.buffers,
    optimizer,
    freshOptimizer,
    drawBatch,
    microBatches: 1,
    numExperts: 4,
    groups: undefined,
    savesWhole: true,
    residentBytes: () => tensorMemory()!.reservedBytes,
  };
}

const totals = async (parts: TrainingParts) => {
  const predictor = new MemoryPredictor(parts);
  const of = async (recompute: 'off' | 'selective' | 'block') => totalOf(await predictor.predict({ recompute }));
  return { off: await of('off'), selective: await of('selective'), block: await of('block') };
};

describe('predicted memory of training', () => {
  const values = () => Object.values(model.variables).map((variable) => variable.dataSync().slice());

  it('is within 3 % of what steps then take', async () => {
    const optimizer = freshOptimizer();
    const parts = partsOf(optimizer);
    const predictor = new MemoryPredictor(parts);
    for (const recompute of ['off', 'selective', 'block'] as const) {
      const { optimizer: kept, step } = await predictor.predict({ recompute });
      const measured = await stepMemory(
        async () => {
          const options = { accumulate: 1, steps: 3, learningRate: () => 0 };
          await train({ model: parts.trained({ recompute }), optimizer, drawBatch: parts.drawBatch, ...options });
          optimizer.loadState({}, 0);
        },
        { isDry: false },
      );
      expect(Math.abs(kept + step - measured.reservedBytes) / measured.reservedBytes).toBeLessThan(0.03);
    }
  });

  it.each([
    ['AdamW', adamW, 2],
    ['Muon', { ...adamW, optimizer: 'muon' as const }, 1],
    ['AdamW with moments in bfloat16', { ...adamW, moments: 'bfloat16' as const }, 1],
    ['AdamW with averages', { ...adamW, averageDecay: 0.9 }, 3],
  ])('knows what an optimizer keeps, and changes nothing: %s', async (_, settings, leastPerParameter) => {
    freshOptimizer = () => createOptimizer(settings, alone);
    const before = values();
    const held = tensorMemory()!.bytes;
    const predicted = await new MemoryPredictor(partsOf()).predict({});
    expect(tensorMemory()!.bytes).toBe(held);
    expect(values()).toEqual(before);
    const parameters = 4 * model.numParameters();
    expect(predicted.optimizer).toBeGreaterThanOrEqual(leastPerParameter * parameters);
    expect(predicted.optimizer).toBeLessThanOrEqual((leastPerParameter + 1) * parameters);
  });

  it('counts the second of several micro-batches, and on ranks the experts of all for checkpoints', async () => {
    const { off } = await totals(partsOf());
    expect((await totals({ ...partsOf(), microBatches: 2 })).off).toBeGreaterThan(off);
    const world = await init({ engine: 'self' });
    const groups = { world, data: world, experts: world, replicas: world, expertShards: 1 };
    expect((await totals({ ...partsOf(), groups })).off).toBeGreaterThan(off);
    const given: number[] = [];
    for (const moments of ['float32', 'bfloat16'] as const) {
      const checkpoints = async (more: Partial<TrainingParts>) => {
        const parts = { ...partsOf(createOptimizer({ ...adamW, moments }, alone)), ...more };
        const freshOptimizer = () => createOptimizer({ ...adamW, moments }, alone);
        return (await new MemoryPredictor({ ...parts, freshOptimizer }).predict({})).checkpoints;
      };
      given.push((await checkpoints({ groups })) - (await checkpoints({})));
    }
    // Moments travel in float32, whatever they are kept in.
    expect(given[1]).toBeCloseTo(given[0]!, 0);
    await world.close();
  });
});

describe('predicted memory of a model in slices', () => {
  it.each([
    ['s1', 'adamw'],
    ['base', 'adamw'],
    ['s2', 'muon'],
    ['s2-fused', 'adamw'],
  ] as const)('is within 3 %% of what steps then take, and less than the whole: %s, %s', async (schedule, name) => {
    const place = { rank: 0, size: 2 };
    const sliced = new Gpt(config, { seed: 3, experts: { ...place, shards: 2 }, tensor: place });
    const [one, two] = [dryCommunicator({ rank: 0, size: 1 }), dryCommunicator(place)];
    const groups = {
      ...{ world: two, tensor: two, experts: two },
      ...{ data: one, replicas: one, peers: one },
      ...{ shards: two, expertShards: 2 },
    };
    const pass = dispatchOver(groups, { numExperts: 4, schedule });
    const make: TrainingParts['freshOptimizer'] = (groups) =>
      createOptimizer({ ...adamW, optimizer: name }, { groups, numExperts: 4 });
    const optimizer = make(groups);
    const trained: TrainingParts['trained'] = (options) => trainable(sliced, { ...pass, ...options });
    const parts: TrainingParts = { ...partsOf(optimizer), trained, groups, schedule, freshOptimizer: make };
    freshOptimizer = () => make(undefined);
    const whole = await new MemoryPredictor(partsOf()).predict({});
    const predictor = new MemoryPredictor(parts);
    for (const recompute of ['off', 'block'] as const) {
      const { optimizer: kept, checkpoints, step } = await predictor.predict({ recompute });
      const measured = await stepMemory(
        async () => {
          const options = { accumulate: 1, steps: 3, learningRate: () => 0, groups, slicedAxis: tensorAxis };
          const placed = { isSharded: isExpertParameter, drawBatch: parts.drawBatch, ...options };
          await train({ model: trained({ recompute }), optimizer, ...placed });
          optimizer.loadState({}, 0);
        },
        { isDry: false },
      );
      // An update that takes memory itself is in it once, and what is set aside for copies of what travels is not used.
      if (name === 'muon') expect(measured.reservedBytes).toBeLessThan(kept + step);
      // As much again is set aside for copies of what travels.
      else expect(Math.abs(kept + step / 2 - measured.reservedBytes) / measured.reservedBytes).toBeLessThan(0.03);
      // Rank 0 writes what one rank would have, and is given the experts of all besides.
      expect(checkpoints).toBeGreaterThan(whole.checkpoints);
      if (recompute === 'off') expect(step / 2).toBeLessThan(whole.step);
    }
    sliced.dispose();
  });
});

describe('a limit of memory', () => {
  it('lets nothing be computed twice where that fits, else what fits, and says what it chose', async () => {
    const { off, selective, block } = await totals(partsOf());
    const least = Math.min(selective, block);
    expect(least).toBeLessThan(off);
    const whole = await planMemory({ memoryLimit: off }, partsOf(), terminal);
    expect(whole).toEqual({
      recompute: { recompute: 'off', keepExchanges: 'all' },
      predictedBytes: off,
      limitBytes: off,
    });
    expect(lines.join('')).toMatch(/^memory: --recompute off, [\d.]+ [KM]iB of at most .* are predicted: parameters /);
    const tight = await planMemory({ memoryLimit: off - 1 }, partsOf(), terminal);
    expect(['selective', 'block']).toContain(tight.recompute.recompute);
    expect(tight.predictedBytes).toBeLessThan(off);
    expect(await planMemory({ memoryLimit: off, recompute: 'block' }, partsOf(), terminal)).toMatchObject({
      recompute: { recompute: 'block' },
    });
    expect(await planMemory({ recompute: 'selective' }, partsOf(), terminal)).toEqual({
      recompute: { recompute: 'selective', keepExchanges: 'all' },
    });
  });

  it('that nothing keeps to is refused with the least that could be had', async () => {
    const { selective, block } = await totals(partsOf());
    const limit = Math.min(selective, block) - 1;
    await expect(planMemory({ memoryLimit: limit }, partsOf(), terminal)).rejects.toThrow(
      /^--memory-limit: expected at least [\d.]+ [KM]iB, which training takes with --recompute (selective|block) \(parameters .*\), got .*iB\. A smaller --batch-size with more --accumulate takes less\.$/,
    );
    await expect(planMemory({ memoryLimit: limit, recompute: 'off' }, partsOf(), terminal)).rejects.toThrow(
      /with --recompute off \(.*\. With --recompute (selective|block) it is [\d.]+ [KM]iB\.$/,
    );
  });

  it('is for the backend that can tell', async () => {
    await useBackend('cpu');
    await expect(planMemory({ memoryLimit: 1 }, partsOf(), terminal)).rejects.toThrow(
      /^--memory-limit: expected the backend scmoe, whose memory can be told beforehand, got cpu\.$/,
    );
    await useBackend('scmoe', { threads: 1 });
  });

  it('is watched: what is over it is told once, and the first steps are compared', () => {
    const sizes = [90, 120, 130, 140].map((mib) => mib * 2 ** 20);
    const plan = {
      recompute: { recompute: 'off', keepExchanges: 'all' } as const,
      predictedBytes: 100 * 2 ** 20,
      limitBytes: 110 * 2 ** 20,
    };
    const watch = new MemoryWatch(plan, () => sizes.shift()!);
    expect([watch.stepDone(), watch.comparison()]).toEqual([undefined, undefined]);
    expect(watch.stepDone()).toBe(
      'the process takes 120 MiB of memory after step 2 of this session, over --memory-limit 110 MiB; 100 MiB were predicted',
    );
    expect([watch.stepDone(), watch.comparison()]).toEqual([
      undefined,
      'memory: 130 MiB after 3 steps, 100 MiB predicted',
    ]);
    expect([watch.stepDone(), watch.comparison()]).toEqual([undefined, undefined]);
    expect(new MemoryWatch({ recompute: plan.recompute }).stepDone()).toBeUndefined();
  });

  it('is read in the units of memory', () => {
    expect(['600MiB', '1.5 GiB', '2g', '700MB', '4096'].map(byteSize)).toEqual([
      600 * 2 ** 20,
      1.5 * 2 ** 30,
      2 ** 31,
      7e8,
      4096,
    ]);
    for (const text of ['', 'MiB', '-1GiB', '0', '1e400', '5 boxes', '0.5'])
      expect(() => byteSize(text)).toThrow('Expected a size of memory such as 600MiB or 2GiB.');
  });
});

describe('a run with a limit of memory', () => {
  const options = ['--run-dir', '/nonexistent/never-made', '--threads', '1', '--num-experts', '2'];

  it('is refused before anything is written', async () => {
    const { code, err } = await runQuarters(...options, '--memory-limit', '1MiB');
    expect(code).toBe(2);
    expect(err).toMatch(
      /^quarters: --memory-limit: expected at least [\d.]+ MiB, which training takes with --recompute/m,
    );
  });
});
