import { RandomStream, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { chooseBatch } from './chooseBatch.js';
import { GenerationEngine, type GenerationEngineOptions } from './GenerationEngine.js';
import type { SequencePredictor } from './SequencePredictor.js';

const config: GptConfig = {
  vocabSize: 37,
  numLayers: 2,
  dModel: 32,
  numHeads: 2,
  sequenceLength: 24,
  placement: 'every',
  routerAhead: true,
  moe: { kind: 'top2', numExperts: 6 },
};

/** What each step took: how many texts, and of how many experts. */
interface Step {
  caches: object[];
  experts: Set<number>;
}

/** The model of a seed, and what its steps are. */
function watched(change: Partial<GptConfig> = {}): { model: Gpt; predictor: SequencePredictor; steps: Step[] } {
  const model = new Gpt({ ...config, ...change }, { seed: 2 });
  tf.tidy(() => Object.values(model.variables).forEach((variable) => variable.assign(tf.mul(variable, 6))));
  const steps: Step[] = [];
  const own = model.predictor();
  const predictor: SequencePredictor = {
    ...own,
    advance: (parts) => {
      const experts = new Set(parts.flatMap(({ route }) => route?.experts ?? []));
      steps.push({ caches: parts.map(({ cache }) => cache), experts });
      return own.advance(parts);
    },
  };
  return { model, predictor, steps };
}

const prompts = Array.from({ length: 12 }, (_, i) =>
  Array.from({ length: 1 + (i % 3) }, (_, j) => (5 * i + 3 * j) % 37),
);

async function textsOf(engine: GenerationEngine): Promise<number[][]> {
  const texts = prompts.map((prompt, i) => engine.start(prompt, { maxNewTokens: 8 + (i % 4), seed: i }));
  const read = texts.map(async (text) => {
    const tokens: number[] = [];
    for await (const { token } of text) tokens.push(token);
    return tokens;
  });
  const all = await Promise.all(read);
  await engine.close();
  return all;
}

/** The most steps that went by between two of the same text, both ends not counted. */
function longestWait(steps: readonly Step[]): number {
  const last = new Map<object, number>();
  let longest = 0;
  steps.forEach(({ caches }, step) => {
    for (const cache of caches) {
      const before = last.get(cache);
      if (before !== undefined) longest = Math.max(longest, step - before - 1);
      last.set(cache, step);
    }
  });
  return longest;
}

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

describe('steps of texts that go to the same experts', () => {
  it('write the texts that each has alone, in steps of as many, and none waits longer than it may', async () => {
    const alone = watched();
    const expected: number[][] = [];
    for (const [i, prompt] of prompts.entries())
      expected.push(await alone.model.generate(prompt, { maxNewTokens: 8 + (i % 4), seed: i }));
    alone.model.dispose();
    for (const [stepTexts, maxWaitSteps] of [
      [4, 2],
      [2, 5],
      [12, 0],
    ] as const) {
      const { model, predictor, steps } = watched();
      const before = tf.memory().numTensors;
      expect(await textsOf(new GenerationEngine(predictor, { maxSequences: 12, stepTexts, maxWaitSteps }))).toEqual(
        expected,
      );
      expect(longestWait(steps)).toBeLessThanOrEqual(maxWaitSteps);
      expect(tf.memory().numTensors).toBe(before);
      model.dispose();
    }
  });

  it('need fewer experts than steps of as many texts in their order', async () => {
    const meanOf = async (options: GenerationEngineOptions) => {
      const { model, predictor, steps } = watched();
      await textsOf(new GenerationEngine(predictor, options));
      model.dispose();
      const full = steps.filter(({ caches, experts }) => caches.length === 4 && experts.size > 0);
      return full.reduce((sum, { experts }) => sum + experts.size, 0) / full.length;
    };
    const grouped = await meanOf({ maxSequences: 12, stepTexts: 4, maxWaitSteps: 8 });
    const inOrder = await meanOf({ maxSequences: 4, stepTexts: 4, maxWaitSteps: 0 });
    expect(grouped).toBeLessThan(inOrder);
  });

  it('read a text again from its later half where it outgrows the model, and go on', async () => {
    const options = { maxNewTokens: 40, temperature: 0 };
    const { model, predictor } = watched();
    const expected = await model.generate([3, 1, 4], options);
    const engine = new GenerationEngine(predictor, {
      maxSequences: 4,
      stepTexts: 2,
      maxWaitSteps: 1,
      beyondSequence: 'slide',
    });
    const texts = [[3, 1, 4], [2, 7], [1]].map((prompt) => engine.start(prompt, options));
    const tokens: number[] = [];
    for await (const { token } of texts[0]!) tokens.push(token);
    for (const text of texts) await text.end;
    await engine.close();
    expect(tokens).toEqual(expected);
    model.dispose();
  });

  it('fail the texts whose route fails, and no other', async () => {
    const { model, predictor } = watched();
    let calls = 0;
    const failing: SequencePredictor = {
      ...predictor,
      readRoutes: (parts) => (++calls === 3 ? Promise.reject(new Error('no route')) : predictor.readRoutes!(parts)),
    };
    const engine = new GenerationEngine(failing, { maxSequences: 4, stepTexts: 4, maxWaitSteps: 0 });
    const text = engine.start([3], { maxNewTokens: 8 });
    await expect(text.end).rejects.toThrow('no route');
    const later = engine.start([4], { maxNewTokens: 3 });
    expect((await later.end).reason).toBe('maxNewTokens');
    await engine.close();
    model.dispose();
  });

  it.each<[string, GenerationEngineOptions, RegExp]>([
    ['a wait without steps of so many', { maxWaitSteps: 3 }, /^maxWaitSteps: expected none without stepTexts, got 3$/],
    ['steps of nobody', { stepTexts: 0 }, /^stepTexts: expected a positive integer, got 0$/],
    ['half a step', { stepTexts: 2, maxWaitSteps: 0.5 }, /^maxWaitSteps: expected an integer >= 0, got 0.5$/],
    [
      'more texts than can be in time',
      { stepTexts: 2, maxWaitSteps: 3, maxSequences: 9 },
      /^maxSequences: expected at most stepTexts \* \(maxWaitSteps \+ 1\) = 8, got 9$/,
    ],
  ])('refuse %s', (_, options, message) => {
    const { model, predictor } = watched();
    expect(() => new GenerationEngine(predictor, options)).toThrow(message);
    model.dispose();
  });

  it('refuse a model whose routers are in its layers', () => {
    const { model } = watched({ routerAhead: false });
    expect(() => model.generationEngine({ stepTexts: 4 })).toThrow(
      /^stepTexts: expected none for a model whose routers are in its layers \(routerAhead\), got 4$/,
    );
    model.dispose();
  });
});

describe('chooseBatch', () => {
  const text = (experts: number[], waitedSteps = 0) => ({ experts, waitedSteps });

  it('takes the longest queue, and fills up from the next', () => {
    const texts = [[1], [2], [0], [2], [0], [2], [1], [2], [3]].map((experts) => text(experts));
    expect(chooseBatch(texts, { stepTexts: 4, maxWaitSteps: 9 })).toEqual([1, 3, 5, 7]);
    expect(chooseBatch(texts, { stepTexts: 6, maxWaitSteps: 9 })).toEqual([0, 1, 3, 5, 6, 7]);
    expect(chooseBatch([], { stepTexts: 6, maxWaitSteps: 9 })).toEqual([]);
  });

  it('prefers experts that are in the step anyway, for tokens of several', () => {
    const texts = [text([0, 1]), text([2, 3]), text([1, 0]), text([4, 5]), text([5, 1])];
    expect(chooseBatch(texts, { stepTexts: 3, maxWaitSteps: 9 })).toEqual([0, 2, 4]);
  });

  it('takes who may not wait longer, whatever the queues are', () => {
    const texts = [text([0]), text([0]), text([0]), text([5], 3)];
    expect(chooseBatch(texts, { stepTexts: 2, maxWaitSteps: 3 })).toEqual([0, 3]);
  });

  it('keeps the age limit for any arrivals', () => {
    const random = new RandomStream({ seed: 3 });
    for (let round = 0; round < 60; round++) {
      const limits = { stepTexts: 1 + random.int(5), maxWaitSteps: random.int(6) };
      const most = limits.stepTexts * (limits.maxWaitSteps + 1);
      const draw = () => text(Array.from({ length: 1 + random.int(2) }, () => random.int(1 + random.int(8))));
      let waiting = Array.from({ length: random.int(most + 1) }, draw);
      for (let step = 0; step < 40; step++) {
        const chosen = new Set(chooseBatch(waiting, limits));
        expect(chosen.size).toBe(Math.min(limits.stepTexts, waiting.length));
        // Some of the chosen come back at once, others come later or not.
        const kept = waiting.filter((_, place) => !chosen.has(place));
        waiting = kept.map(({ experts, waitedSteps }) => text([...experts], waitedSteps + 1));
        if (waiting.some(({ waitedSteps }) => waitedSteps > limits.maxWaitSteps)) throw new Error('one waits too long');
        while (waiting.length < most && random.int(3) > 0) waiting.push(draw());
      }
    }
  });
});
