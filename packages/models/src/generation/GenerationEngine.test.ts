import { nextTurn, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import type { GeneratedEnd, GeneratedText, GeneratedToken } from './GeneratedText.js';
import type { TextOptions } from './GenerateOptions.js';
import { hybrid } from '../testing/gptRanks.js';
import { GenerationEngine, type GenerationEngineOptions } from './GenerationEngine.js';
import { QueueFullError, SequenceLengthError } from './generationErrors.js';
import type { SequencePredictor } from './SequencePredictor.js';

const vocabSize = 37;
const config: GptConfig = {
  vocabSize,
  numLayers: 4,
  dModel: 64,
  numHeads: 4,
  sequenceLength: 64,
  ffnHidden: 80,
  moe: { kind: 'scmoe', numExperts: 4, topK: 2 },
};

/** Weights far from zero, so that every token has an opinion on the next. */
function opinionated<Model extends { variables: Record<string, tf.Variable> }>(model: Model): Model {
  tf.tidy(() => Object.values(model.variables).forEach((variable) => variable.assign(tf.mul(variable, 6))));
  return model;
}
const gpt = (change: Partial<GptConfig> = {}) => opinionated(new Gpt({ ...config, ...change }, { seed: 2 }));
const longcat = () =>
  opinionated(
    new LongcatFlash(
      {
        vocabSize,
        numLayers: 2,
        dModel: 32,
        numHeads: 2,
        // Products of a few hundred multiplications are summed otherwise.
        latent: { qLoraRank: 32, kvLoraRank: 32, qkNopeHeadDim: 16, qkRopeHeadDim: 8, vHeadDim: 16 },
        ffnHidden: 40,
        sequenceLength: 64,
        moe: { numExperts: 4, numZeroExperts: 2, topK: 2, expertHidden: 20 },
      },
      { seed: 4 },
    ),
  );

const prompt = (length: number, seed: number) => Array.from({ length }, (_, i) => (seed + 7 * i + i * i) % vocabSize);
const greedy = (maxNewTokens: number, more: Partial<TextOptions> = {}): TextOptions => ({
  maxNewTokens,
  temperature: 0,
  logProbabilities: 0,
  ...more,
});

interface Read {
  tokens: number[];
  logProbabilities: (number | undefined)[];
  text: string;
  end: GeneratedEnd;
}
async function read(text: GeneratedText): Promise<Read> {
  const all: GeneratedToken[] = [];
  for await (const token of text) all.push(token);
  const end = await text.end;
  return {
    tokens: all.map(({ token }) => token),
    logProbabilities: all.map((token) => token.logProbabilities?.logProbability),
    text: all.map((token) => token.text).join('') + end.text,
    end,
  };
}
async function withEngine<T>(
  model: { generationEngine(options?: GenerationEngineOptions): GenerationEngine },
  options: GenerationEngineOptions,
  use: (engine: GenerationEngine) => Promise<T>,
): Promise<T> {
  const engine = model.generationEngine(options);
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** Whether a row of a product has the same bits whatever rows are beside it: of our own products, not of oneDNN's. */
let rowsAreAlone = false;
beforeAll(async () => {
  const { line } = await useBackend('auto', { threads: 1 });
  rowsAreAlone = line.includes('AVX2');
});

function expectSame(actual: readonly Read[], expected: readonly Read[]): void {
  if (rowsAreAlone) return expect(actual).toEqual(expected);
  const plain = (texts: readonly Read[]) => texts.map(({ tokens, end }) => ({ tokens, end }));
  expect(plain(actual)).toEqual(plain(expected));
  actual.forEach(({ logProbabilities }, i) =>
    logProbabilities.forEach((value, j) => expect(value).toBeCloseTo(expected[i]!.logProbabilities[j]!, 4)),
  );
}

describe.each<[string, () => Gpt | LongcatFlash]>([
  ['a GPT with learned positions', () => gpt()],
  ['a GPT with rotary positions and grouped keys', () => gpt({ positionEncoding: 'rotary', numKvHeads: 2 })],
  ['a GPT with experts in every block', () => gpt({ positionEncoding: 'rotary', placement: 'every' })],
  ['a GPT with gated delta networks', () => gpt({ ...hybrid, gatedDelta: { ...hybrid.gatedDelta, keyHeadDim: 16 } })],
  ['LongCat-Flash', longcat],
])('texts of %s', (_, make) => {
  const prompts = [5, 21, 1, 40, 16].map((length, seed) => prompt(length, seed));

  it('are bit for bit what each is alone, whoever joins and leaves meanwhile', async () => {
    const model = make();
    // Log probabilities come of all scores: equal to the last bit only where these are.
    const options = prompts.map((_, i) => greedy(4 + 3 * i, { temperature: i % 2, seed: i }));
    const alone: Read[] = [];
    for (const [i, ids] of prompts.entries()) {
      alone.push(await withEngine(model, { chunkTokens: 16 }, (engine) => read(engine.start(ids, options[i]!))));
    }
    const together = await withEngine(model, { chunkTokens: 16, maxSequences: 3 }, async (engine) => {
      const first = prompts.slice(0, 4).map((ids, i) => read(engine.start(ids, options[i]!)));
      await first[0];
      return Promise.all([...first, read(engine.start(prompts[4]!, options[4]!))]);
    });
    expectSame(together, alone);
    expect(together.map(({ tokens }) => tokens.length)).toEqual([4, 7, 10, 13, 16]);
    model.dispose();
  });

  it('have the scores of one pass over everything', async () => {
    const model = make();
    const ids = prompts[1]!;
    const { tokens, logProbabilities } = await withEngine(model, { chunkTokens: 8 }, (engine) =>
      read(engine.start(ids, greedy(6))),
    );
    tf.tidy(() => {
      const whole = tf.tensor2d([[...ids, ...tokens]], undefined, 'int32');
      // With a cache, nothing is dropped for want of capacity.
      const { logits } = model.forward(whole, { keepCache: true });
      const expected = tf.logSoftmax(logits).arraySync();
      tokens.forEach((token, i) => {
        const row = expected[0]![ids.length - 1 + i]!;
        expect(row.indexOf(Math.max(...row))).toBe(token);
        // Float32 sums in another order; scores are of order 10.
        expect(Math.abs(row[token]! - logProbabilities[i]!)).toBeLessThan(1e-3);
      });
    });
    model.dispose();
  });

  it('are the same where prompts begin alike and one takes over what another computed', async () => {
    const model = make();
    const long = prompt(40, 3);
    const asked = [long, [...long.slice(0, 35), 2, 3, 4], [...long.slice(0, 17), 9], long.slice(0, 16)];
    const fresh = await Promise.all(
      asked.map((ids) => withEngine(model, { chunkTokens: 16 }, (engine) => read(engine.start(ids, greedy(5))))),
    );
    await withEngine(model, { chunkTokens: 16, prefixCacheTokens: 64 }, async (engine) => {
      for (const [i, ids] of asked.entries()) expectSame([await read(engine.start(ids, greedy(5)))], [fresh[i]!]);
      // 32 of the second, 16 of the third; of the fourth, which is 16 long, a token has to be read.
      expect(engine.statistics).toMatchObject({ numPromptTokens: 40 + 38 + 18 + 16, numReusedTokens: 48 });
    });
    model.dispose();
  });
});

describe('GenerationEngine', () => {
  const model = gpt();
  afterAll(() => model.dispose());

  it('ends a text at stop tokens, stop texts, its length and the longest sequence', async () => {
    await withEngine(model, {}, async (engine) => {
      const ids = prompt(9, 1);
      const whole = await read(engine.start(ids, greedy(20)));
      expect(whole.end).toEqual({ reason: 'maxNewTokens', text: '' });
      const stop = whole.tokens[7]!;
      const stopped = await read(engine.start(ids, greedy(20, { stopTokens: [stop] })));
      expect(stopped.tokens).toEqual(whole.tokens.slice(0, whole.tokens.indexOf(stop)));
      expect(stopped.end.reason).toBe('stopToken');

      const letters = (token?: number) => (token === undefined ? '' : `<${token}>`);
      const text = whole.tokens.map(letters).join('');
      const stopText = letters(whole.tokens[4]).slice(1) + letters(whole.tokens[5]).slice(0, 2);
      const cut = await read(engine.start(ids, greedy(20, { decode: letters, stopTexts: ['never', stopText] })));
      expect(cut.text).toBe(text.slice(0, text.indexOf(stopText)));
      expect(cut.end.reason).toBe('stopText');

      const full = await read(engine.start(ids, greedy(1000)));
      // The last token is drawn from the scores of a full sequence.
      expect(full.tokens).toHaveLength(64 - 9 + 1);
      expect(full.end.reason).toBe('sequenceLength');
    });
  });

  it('gives out what was held back in case it became a stop text that never came', async () => {
    await withEngine(model, {}, async (engine) => {
      const decode = (token?: number) => (token === undefined ? 'z' : 'ab');
      const { text, end } = await read(engine.start([1], greedy(3, { decode, stopTexts: ['abzz', 'ababababab'] })));
      expect([text, end.reason]).toEqual(['abababz', 'maxNewTokens']);
      const last = await read(engine.start([1], greedy(3, { decode, stopTexts: ['bz'] })));
      expect([last.text, last.end.reason]).toEqual(['ababa', 'stopText']);
    });
  });

  it('tells of the likeliest tokens', async () => {
    await withEngine(model, {}, async (engine) => {
      for await (const { token, logProbabilities } of engine.start([3, 4], greedy(3, { logProbabilities: 3 }))) {
        const { top, logProbability } = logProbabilities!;
        expect(top).toHaveLength(3);
        expect(top[0]).toEqual({ token, logProbability });
        expect(top[1]!.logProbability).toBeGreaterThanOrEqual(top[2]!.logProbability);
        expect(top.reduce((sum, each) => sum + Math.exp(each.logProbability), 0)).toBeLessThanOrEqual(1 + 1e-6);
      }
    });
  });

  it('stops working on a text whose signal was aborted or whose reader has left, running or waiting', async () => {
    await withEngine(model, { maxSequences: 2 }, async (engine) => {
      const controller = new AbortController();
      const left = engine.start([1], greedy(50));
      const aborted = engine.start([2], greedy(50, { signal: controller.signal }));
      const waiting = engine.start([3], greedy(50, { signal: controller.signal }));
      const other = read(engine.start([4], greedy(50)));
      let count = 0;
      for await (const _ of left) {
        if (++count === 5) controller.abort();
        if (count === 8) break;
      }
      expect((await left.end).reason).toBe('aborted');
      expect((await read(aborted)).tokens.length).toBeLessThan(8);
      expect(await read(waiting)).toMatchObject({ tokens: [], end: { reason: 'aborted' } });
      expect((await other).tokens).toHaveLength(50);
      const done = engine.start([1], greedy(5, { signal: AbortSignal.abort() }));
      expect(await read(done)).toMatchObject({ tokens: [], end: { reason: 'aborted' } });
    });
  });

  it('takes in all texts that come turn by turn of the event loop before its next step, as connections do', async () => {
    await withEngine(model, { maxSequences: 30 }, async (engine) => {
      const first = engine.start([1, 2], greedy(60));
      for await (const _ of first) break;
      const texts = [engine.start([1, 2], greedy(60))];
      while (engine.statistics.numRunning === 0) await nextTurn();
      const steps = new Set<number>();
      for (let i = 0; i < 20; i++) {
        await nextTurn();
        texts.push(engine.start([3, i], greedy(2)));
        steps.add(engine.statistics.numSteps);
      }
      // The first of them may have come before a step that was about to begin.
      expect(steps.size).toBeLessThanOrEqual(2);
      for (const text of texts) text.abort();
    });
  });

  it('refuses one text more than may wait', async () => {
    await withEngine(model, { maxSequences: 2, maxWaiting: 1 }, async (engine) => {
      const started = [1, 2, 3].map((id) => read(engine.start([id], greedy(3))));
      expect(() => engine.start([4], greedy(3))).toThrow(QueueFullError);
      expect(engine.statistics.numWaiting).toBe(3);
      await Promise.all(started);
      expect((await read(engine.start([4], greedy(3)))).tokens).toHaveLength(3);
    });
  });

  it('fails a text whose scores are no numbers, or whose decoder throws, and goes on with the others', async () => {
    await withEngine(model, {}, async (engine) => {
      const decode = () => {
        throw new Error('half a character');
      };
      const broken = read(engine.start([1], greedy(5, { decode })));
      const other = read(engine.start([2], greedy(5)));
      await expect(broken).rejects.toThrow('half a character');
      expect((await other).tokens).toHaveLength(5);
    });
  });

  it('fails the texts of a pass that throws, and takes others after it', async () => {
    const predictor = model.predictor();
    let left = 2;
    const failing: SequencePredictor = {
      ...predictor,
      advance: (parts) => {
        if (--left === 0) throw new Error('out of memory');
        return predictor.advance(parts);
      },
    };
    const before = tf.memory().numTensors;
    const engine = new GenerationEngine(failing);
    const both = [1, 2].map((id) => read(engine.start([id], greedy(5))));
    for (const each of both) await expect(each).rejects.toThrow('out of memory');
    expect((await read(engine.start([3], greedy(5)))).tokens).toHaveLength(5);
    await engine.close();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('ends all texts when it is closed, takes no more, and leaves no tensors behind', async () => {
    const before = tf.memory().numTensors;
    const engine = model.generationEngine({ maxSequences: 2, prefixCacheTokens: 128, chunkTokens: 8 });
    const texts = [20, 30, 10].map((length) => engine.start(prompt(length, 2), greedy(40)));
    const all = texts.map((text) => read(text));
    for await (const _ of engine.start([1], greedy(1))) break;
    await engine.close();
    expect((await Promise.all(all)).map(({ end }) => end.reason)).toContain('aborted');
    expect(tf.memory().numTensors).toBe(before);
    expect(() => engine.start([1], greedy(1))).toThrow(/closed/);
    expect(engine.statistics).toMatchObject({ numRunning: 0, numWaiting: 0, cacheBytes: 0, prefixCacheBytes: 0 });
  });

  it.each<[string, number[], object, RegExp]>([
    ['an empty prompt', [], {}, /prompt: expected at least one token, got none/],
    ['a foreign token', [1, 37], {}, /prompt: expected ids from 0 to 36, got 37/],
    ['an unknown option', [1], { topk: 3 }, /generate: unknown option topk = 3; the options are decode, /],
    ['stop texts without text', [1], { stopTexts: ['x'] }, /decode: expected a function beside stopTexts, got none/],
    ['an empty stop text', [1], { stopTexts: [''], decode: String }, /stopTexts: expected texts of at least one char/],
    ['too many log probabilities', [1], { logProbabilities: 101 }, /logProbabilities: expected at most 100, got 101/],
    ['part of a token', [1], { maxNewTokens: 1.5 }, /maxNewTokens: expected an integer >= 0, got 1.5/],
    ['a prompt that fills the sequence', prompt(64, 1), {}, /prompt: expected fewer than 64 tokens, .* got 64/],
  ])('refuses %s', async (_, ids, options, message) => {
    await withEngine(model, {}, async (engine) => {
      expect(() => engine.start(ids, { maxNewTokens: 1, ...options })).toThrow(message);
      expect(engine.statistics.numWaiting).toBe(0);
      await Promise.resolve();
    });
    expect(() => model.generationEngine({ maxSequence: 3 } as object)).toThrow(/unknown option maxSequence = 3/);
    expect(new SequenceLengthError(9, 8)).toMatchObject({ numPromptTokens: 9, sequenceLength: 8 });
  });
});
