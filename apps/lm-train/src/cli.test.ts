import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@scmoe/testing';
import { saveCheckpoint } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { lmTrain } from './testing/lmTrain.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();
const { runs, options } = tinyRun(folder.path);
const file = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder.path, name), content);
  return join(folder.path, name);
};

describe('--help', () => {
  it('lists the commands', async () => {
    const { code, out } = await lmTrain('--help');
    expect(code).toBe(0);
    for (const name of ['train', 'eval', 'generate']) expect(out).toContain(name);
  });

  it('gives every option of train with its default', async () => {
    const { code, out } = await lmTrain('train', '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/--num-experts <n> +routed experts per layer \(default: 8\)/);
    expect(out.replace(/\s+/g, ' ')).toContain('(choices: "add", "cg1", "cg2", default: "cg1")');
    for (const line of out.split('\n')) expect(line).not.toMatch(/undefined|\[object/);
  });

  it.each(['eval', 'generate'])('works for %s', async (name) => {
    const { code, out } = await lmTrain(name, '--help');
    expect(code).toBe(0);
    expect(out).toContain('[checkpoint]');
  });
});

describe('a wrong command line exits with 2 and says', () => {
  const cases: [string, string[], RegExp][] = [
    ['which option is unknown', ['train', '--nonsense', '1'], /unknown option '--nonsense'/],
    ['which command is unknown', ['fly'], /unknown command 'fly'/],
    ['what a choice may be', ['train', '--mix', 'cg9'], /'cg9' is invalid.*Allowed choices are add, cg1, cg2/],
    ['what a number may be', ['train', '--lr', 'fast'], /'fast' is invalid. Expected a number above 0/],
    ['that a count is whole', ['train', '--steps', '1.5'], /'1.5' is invalid. Expected a whole number of at least 1/],
    ['that heads must divide the width', ['train', ...options, '--num-heads', '3'], /numHeads: expected .*16, got 3/],
    ['that there are too few experts', ['train', ...options, '--top-k', '3'], /topK: expected .*2, got 3/],
    [
      'that blocks come in pairs',
      ['train', ...options, '--num-layers', '3'],
      /numLayers: expected an even number.*got 3/,
    ],
    [
      'which backends there are',
      ['train', ...options, '--backend', 'gpu9'],
      /backend: expected one of auto, .*, got 'gpu9'/,
    ],
    [
      'that the config file is missing',
      ['train', '--config', 'no.yaml'],
      /Can't read --config no.yaml: it does not exist/,
    ],
  ];
  it.each(cases)('%s', async (_, args, message) => {
    const { code, err } = await lmTrain(...args);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n +at /);
    expect(code).toBe(2);
  });
});

describe('bad data exits with 1 and says', () => {
  it.each<[string, () => string, RegExp]>([
    ['that it is missing', () => join(folder.path, 'missing'), /Can't read data .*missing: it does not exist/],
    ['that it is empty', () => file('empty.txt', ''), /empty.txt is empty: expected text/],
    [
      'that it is too short',
      () => file('short.txt', 'short'),
      /data is too short: expected at least 17 tokens .* got 5/,
    ],
    ['that it is binary', () => file('image.png', Buffer.of(137, 80, 0)), /image.png is not text/],
    [
      'that a folder holds only binary files',
      () => {
        mkdirSync(join(folder.path, 'binary'), { recursive: true });
        file('binary/a.bin', Buffer.of(0, 1));
        return join(folder.path, 'binary');
      },
      /holds no text: .* got 1 binary and 0 empty files/,
    ],
  ])('%s', async (_, make, message) => {
    const { code, err } = await lmTrain('train', ...options, '--data', make());
    expect(err).toMatch(message);
    expect(code).toBe(1);
  });

  it('which tokenizer is missing', async () => {
    const { code, err } = await lmTrain('train', ...options, '--tokenizer', join(folder.path, 'tokenizer.json'));
    expect(err).toMatch(/Can't read tokenizer .*: it does not exist/);
    expect(code).toBe(1);
  });
});

describe('the options of the model', () => {
  const built = async (...args: string[]) => {
    const { code, out, err } = await lmTrain('train', ...options, ...args, '--steps', '1', '--sample-tokens', '0');
    expect([code, err]).toEqual([0, '']);
    return out;
  };

  it.each(['dense', 'top1', 'top2', 'standard', 'shared', 'scmoe', 'dgmoe', 'farskip'])(
    'select kind %s',
    async (kind) => {
      expect(await built('--kind', kind)).toContain(`model: ${kind} GPT`);
    },
  );

  it.each(['pos1', 'pos2', 'pos3'])('select position %s', async (position) => {
    const out = await built('--kind', 'scmoe', '--position', position, '--first-position', 'pos1', '--post-norm');
    expect(out).toContain(`(${position}, cg1)`);
  });

  it('put experts into every block', async () => {
    expect(await built('--placement', 'every', '--num-layers', '3')).toContain('2 experts in every block (pos1, cg1)');
  });

  it.each([
    ['sigmoid scores with a correction bias', '--score-function sigmoid --correction-bias --bias-update-rate 0.01'],
    ['quantile balancing', '--correction-bias --bias-update-rule quantile --bias-decay 0.9 --load-balance 0'],
    ['noise, jitter and all losses', '--noisy --jitter 0.1 --sequence-balance 0.1 --importance 0.1 --z-loss 0.001'],
    ['zero experts, scaled', '--num-zero-experts 2 --top-k 2 --routed-scaling-factor 1.5'],
    ['groups', '--num-experts 4 --num-groups 2 --top-k-groups 1'],
    ['a capacity by probability', '--capacity-factor 1 --min-capacity 2 --drop-policy probability'],
    ['cosine logits', '--logits cosine --top-k 2'],
  ])('make a router with %s', async (_, args) => {
    await built(...args.split(' '));
  });

  it('say what does not go together', async () => {
    const { code, err } = await lmTrain('train', ...options, '--placement', 'every', '--position', 'pos2');
    expect(err).toMatch(/moe.position: expected pos1 with placement 'every', got "pos2"/);
    expect(code).toBe(2);
    for (const [args, message] of [
      [[], '--bias-update-rule quantile: expected routers with --correction-bias, got none that has one'],
      [
        ['--correction-bias', '--num-zero-experts', '1'],
        /numZeroExperts: expected 0 with the bias rule 'quantile', got 1/,
      ],
      [
        ['--correction-bias', '--kind', 'dgmoe', '--num-experts', '4'],
        /kind: expected one whose tokens choose once .*, got "dgmoe"/,
      ],
    ] as const) {
      const quantile = await lmTrain('train', ...options, '--bias-update-rule', 'quantile', ...args);
      expect([quantile.code, quantile.err]).toEqual([2, expect.stringMatching(message)]);
    }
    const chunks = await lmTrain('train', ...options, '--kind', 'dgmoe', '--chunks', '2');
    expect([chunks.code, chunks.err]).toEqual([
      2,
      expect.stringContaining('--chunks: expected 1 with --kind dgmoe, got 2'),
    ]);
  });
});

describe('--config', () => {
  it('takes YAML or JSON; flags override it', async () => {
    const yaml = file('config.yaml', 'steps: 3\nnumExperts: 4\nmix: add\n');
    const withoutSteps = options.filter((_, i) => !['--steps', '--num-experts'].includes(options[i - (i % 2)]!));
    const { code, out } = await lmTrain('train', ...withoutSteps, '--config', yaml, '--mix', 'cg2');
    expect(out).toContain('4 experts (pos2, cg2)');
    expect(out).toMatch(/step 3\/3/);
    expect(code).toBe(0);
  });

  it.each<[string, string, RegExp]>([
    ['an unknown key', 'experts: 4', /unknown option "experts"; expected one of .*numExperts/],
    ['a value of another type', 'progress: 3', /progress: expected true or false, got 3/],
    ['a value out of range', 'steps: 0', /steps: got 0. Expected a whole number of at least 1/],
    ['a value that is no choice', 'mix: cg9', /mix: got "cg9". Allowed choices are add, cg1, cg2/],
    ['a list', '- 1', /expected a mapping of option names to values/],
    ['broken YAML', 'a: [1', /Can't read --config .*: Flow sequence .* at line 1, column 6\.\n$/],
  ])('rejects %s', async (_, content, message) => {
    const { code, err } = await lmTrain('train', '--config', file('bad.yaml', content));
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('checkpoints', () => {
  it('of another program are refused, and passed over where the newest is asked for', async () => {
    const both = join(folder.path, 'both');
    expect(await lmTrain('train', ...options, '--run-dir', both, '--steps', '1')).toMatchObject({ code: 0 });
    const [run] = readdirSync(both);
    const other = join(both, 'vit-1');
    const index = join(both, run!, 'checkpoints', 'step-000001', 'checkpoint.json');
    const { config } = JSON.parse(readFileSync(index, 'utf8')) as { config: Record<string, number> };
    const { sequenceLength: patchSize, ...shared } = config;
    await saveCheckpoint(join(other, 'checkpoints'), {
      ...{ step: 1, config: { ...shared, patchSize: patchSize! }, dataFingerprint: 'x', dataDescription: {} },
      parameters: { w: tf.zeros([1]) },
      optimizer: { name: 'AdamW', stepCount: 1, state: {} },
    });
    const refused = /vit-1\S*: expected a checkpoint of lm-train, got one of another program/;
    for (const args of [
      ['eval', other],
      ['generate', other],
      ['train', '--resume', other],
    ])
      expect((await lmTrain(...args)).err).toMatch(refused);
    const { code, out } = await lmTrain('eval', '--run-dir', both, '--threads', '1');
    expect(out).toContain(`checkpoint: ${join(both, run!)}`);
    expect(code).toBe(0);
  });

  it.each([
    [['train', '--resume', 'nowhere'], /There is no checkpoint nowhere/],
    [['train', '--resume', '--run-dir', runs + '-none'], /There is no run yet under/],
    [['generate', '--run-dir', runs + '-none'], /There is no run yet under/],
    [['eval', 'nowhere'], /There is no checkpoint nowhere/],
  ])('that do not exist are an error: %s', async (args, message) => {
    const { code, err } = await lmTrain(...args);
    expect(err).toMatch(message);
    expect(code).toBe(1);
  });
});
