import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Gpt, savePretrained, type GptConfig } from '@scmoe/models';
import { randomNormal, RandomStream } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { expertSimilarity, reportExperts, reportLines, reportPage, startBackend, type ExpertReport } from '../index.js';
import { saveModel } from '../testing/savedModel.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);

beforeAll(async () => {
  await startBackend({ threads: 1 });
  const random = new RandomStream({ seed: 1 });
  writeFileSync(at('text.txt'), Array.from({ length: 3000 }, () => '<b>& cdefgh\n'[random.int(12)]).join(''));
});

describe('reportExperts', () => {
  let report: ExpertReport;
  beforeAll(async () => {
    await saveModel(at('run'));
    const files = { html: at('experts.html'), json: at('experts.json') };
    report = await reportExperts({ model: at('run'), text: at('text.txt'), batches: 3, ...files });
  });

  it('counts the choices of all tokens, their weights, and who was chosen together', () => {
    // 3 batches of 4 sequences of 32 tokens.
    expect(report.tokens).toBe(384);
    expect(report.layers.map(({ layer }) => layer)).toEqual(['block0', 'block1']);
    for (const { experts, tokens, topK, worstLoad, coChoices, dropped } of report.layers) {
      expect([tokens, topK, dropped]).toEqual([384, 2, 0]);
      expect(experts.reduce((sum, { load }) => sum + load, 0)).toBe(768);
      expect(Math.max(...experts.map(({ share }) => share))).toBe(worstLoad);
      // The weights of a token's two experts sum to 1, and so does the mean over all of both.
      expect(experts.reduce((sum, { load, weight }) => sum + load * weight, 0) / 384).toBeCloseTo(1, 4);
      for (const [i, row] of coChoices.entries()) {
        if (experts[i]!.load > 0) expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6); // the other one of two
        row.forEach((share, j) =>
          expect(share * experts[i]!.load).toBeCloseTo(coChoices[j]![i]! * experts[j]!.load, 6),
        );
      }
    }
  });

  it('names the tokens of an expert that the others seldom get', () => {
    for (const { text, count, lift } of report.layers.flatMap(({ experts }) =>
      experts.flatMap(({ tokens }) => tokens),
    )) {
      expect('<b>& cdefgh\n').toContain(text);
      expect(count).toBeGreaterThanOrEqual(3);
      expect(lift).toBeGreaterThan(1);
    }
  });

  it('writes one page without script or foreign file, and its numbers', () => {
    const page = readFileSync(at('experts.html'), 'utf8');
    expect(page).toBe(reportPage(report));
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|src=|href=|url\(/);
    expect(page).not.toContain('<b>&');
    for (const what of ['Chosen together', 'Likeness of weights', 'block0', 'block1', '384 tokens of'])
      expect(page).toContain(what);
    expect(JSON.parse(readFileSync(at('experts.json'), 'utf8'))).toEqual(report);
    expect(reportLines(report)[2]).toMatch(
      /^ {2}block0: fullest expert \d\.\d\d times an even load, .*, 0\.0 % of choices dropped/,
    );
  });

  it('tells of experts that nobody chooses, and of what full ones drop', async () => {
    await saveModel(at('dead'), {
      correctionBias: true,
      capacityFactor: 0.5,
      change: (variables) => variables['block0.router.correctionBias']!.assign(tf.tensor1d([-9, 0, 0, -9, 0, 0, 0, 0])),
    });
    const { layers } = await reportExperts({ model: at('dead'), text: at('text.txt'), batches: 1 });
    const [first] = layers;
    expect(first!.experts.filter(({ isDead }) => isDead).map(({ id }) => id)).toEqual([0, 3]);
    expect(first!.experts[0]).toMatchObject({ load: 0, weight: 0, norm: 0, tokens: [] });
    expect(first!.dropped).toBeGreaterThan(0.4);
  });

  it('has zero experts and both ways of DGMoE in its counts', async () => {
    await saveModel(at('zero'), { numZeroExperts: 2, steps: 1 });
    const zero = await reportExperts({ model: at('zero'), text: at('text.txt'), batches: 1 });
    expect(zero.layers[0]!.experts.map(({ isZero }) => isZero)).toEqual([
      ...new Array<boolean>(8).fill(false),
      true,
      true,
    ]);
    expect(zero.layers[0]!.similarity).toHaveLength(8);
    expect(reportPage(zero)).toContain('z9');
    await saveModel(at('dgmoe'), { kind: 'dgmoe', topK: 1, steps: 1 });
    const { layers } = await reportExperts({ model: at('dgmoe'), text: at('text.txt'), batches: 1 });
    expect(layers).toHaveLength(2);
    expect(layers[0]).toMatchObject({ tokens: 256, topK: 1 });
  });

  it('reads a folder of transformers with its tokenizer', async () => {
    const moe = { kind: 'standard', topK: 2, numExperts: 4 } as const;
    const sizes = { vocabSize: 6, numLayers: 2, dModel: 16, numHeads: 2, sequenceLength: 64, ffnHidden: 24 };
    const config = {
      ...{ ...sizes, moe, placement: 'every', norm: 'rms', activation: 'swiglu', positionEncoding: 'rotary' },
      ...{ attentionBias: false, ffnBias: false, tiedEmbeddings: false },
    } as GptConfig;
    const model = new Gpt(config, { seed: 1 });
    await savePretrained(model, at('mixtral'), { modelType: 'mixtral' });
    model.dispose();
    const vocab = { '<unk>': 0, a: 1, b: 2, c: 3, d: 4, e: 5 };
    const tokenizer = {
      version: '1.0',
      ...{ truncation: null, padding: null, added_tokens: [], normalizer: null, post_processor: null, decoder: null },
      pre_tokenizer: { type: 'Whitespace' },
      model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
    };
    writeFileSync(join(at('mixtral'), 'tokenizer.json'), JSON.stringify(tokenizer));
    writeFileSync(at('words.txt'), 'a b c d e '.repeat(60));
    const { layers, tokens } = await reportExperts({ model: at('mixtral'), text: at('words.txt'), batches: 2 });
    expect(tokens).toBe(128);
    expect(layers.map(({ experts }) => experts.reduce((sum, { load }) => sum + load, 0))).toEqual([256, 256]);
    await expect(reportExperts({ model: at('mixtral') })).rejects.toThrow(
      /expected a text for a public model, got none/,
    );
  });

  it('refuses what it can not report on, and writes nothing', async () => {
    const html = at('nothing.html');
    const of = (model: string, text?: string) => reportExperts({ model: at(model), text, html });
    await saveModel(at('dense'), { kind: 'dense', steps: 1 });
    await expect(of('dense', at('text.txt'))).rejects.toThrow(/expected a model with routed experts, got one of none/);
    await expect(of('run')).rejects.toThrow(/expected a text, got none: the run's own data are not there/);
    await expect(of('nowhere')).rejects.toThrow(/There is no checkpoint .*nowhere: it does not exist/);
    expect(existsSync(html)).toBe(false);
    await expect(
      reportExperts({ model: at('run'), text: at('text.txt'), batches: 1, html: at('no/such/folder.html') }),
    ).rejects.toThrow(/Can't write .*folder.html/);
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await reportExperts({ model: at('run'), text: at('text.txt'), batches: 1 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('expertSimilarity', () => {
  it('is 1 for the same expert with its hidden units in another order, and about 0 for unrelated ones', async () => {
    const [d, f] = [24, 64];
    const order = tf.tensor1d(
      [...Array(f).keys()].map((i) => (7 * i) % 64),
      'int32',
    );
    const draw = (seed: number, shape: number[]) => randomNormal(shape, { seed }) as tf.Tensor2D;
    const [read, write] = [draw(1, [d, f]), draw(2, [f, d])];
    const reads = tf.stack([read, tf.gather(read, order, 1), draw(3, [d, f])]) as tf.Tensor3D;
    const writes = tf.stack([write, tf.gather(write, order, 0), draw(4, [f, d])]) as tf.Tensor3D;
    const likeness = await expertSimilarity({ reads: [reads], writes: [writes] });
    expect(likeness[0]![0]).toBe(1);
    expect(likeness[0]![1]!).toBeCloseTo(1, 5);
    expect(Math.abs(likeness[0]![2]!)).toBeLessThan(0.2);
    expect(likeness[2]![0]!).toBeCloseTo(likeness[0]![2]!, 6);
  });
});
