import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@scmoe/testing';

import { colourFolders, tinyRun } from './testing/tinyRun.js';
import { vitTrain, vitTrainProcess } from './testing/vitTrain.js';

const folder = temporaryFolder();
const options = tinyRun(folder.path);
const data = join(folder.path, 'colours');
let run: string;
let pictures: string[];

beforeAll(async () => {
  pictures = await colourFolders(data);
  const args = ['--steps', '60', '--lr', '0.01', '--augment', 'none', '--stochastic-depth', '0'];
  const { code, out } = await vitTrain('train', ...options, ...args, '--data', data);
  expect(code).toBe(0);
  run = /^run: (\S+)/m.exec(out)![1]!;
  const samples = join(run, 'samples', 'step-000060');
  expect(readdirSync(samples)).toEqual(['confusion.svg', 'experts-0.svg']);
  expect(readFileSync(join(samples, 'confusion.svg'), 'utf8')).toContain('>yellow<');
});

describe('predict', () => {
  it('says what the pictures of a folder show', async () => {
    const { code, out } = await vitTrain('predict', data, '--checkpoint', run, '--top', '2');
    expect(code).toBe(0);
    const lines = out.trim().split('\n');
    expect(lines.map((line) => line.split(':')[0])).toEqual(pictures);
    for (const line of lines) expect(line).toMatch(/\/(\w+)\/\d\.png: \1 \d+\.\d %, \w+ \d+\.\d %$/);
  });

  it('reads the standard input, and writes JSON lines alone to the standard output', async () => {
    const args = ['predict', '-', pictures[0]!, '--checkpoint', run, '--json'];
    const { code, out } = await vitTrainProcess(args, readFileSync(pictures.at(-1)!));
    expect(code).toBe(0);
    const [first, second] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { picture: string; predictions: { label: string; probability: number }[] });
    expect([first!.picture, first!.predictions[0]!.label]).toEqual(['standard input', 'yellow']);
    expect([second!.picture, second!.predictions[0]!.label]).toEqual([pictures[0], 'blue']);
    expect(first!.predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
  });

  it('draws where the model looks and which patch goes to which expert', async () => {
    const drawn = join(folder.path, 'drawn');
    const args = [pictures[0]!, pictures[1]!, '--checkpoint', run, '--attention', drawn, '--experts', drawn];
    expect((await vitTrain('predict', ...args)).code).toBe(0);
    const names = ['0000-0.png', '0001-1.png'].flatMap((name) => [`${name}.attention.svg`, `${name}.experts.svg`]);
    expect(readdirSync(drawn).sort()).toEqual(names);
    const [attention, experts] = names.map((name) => readFileSync(join(drawn, name), 'utf8'));
    // 8 pixels in strides of 2, and one patch that is looked at most.
    expect(attention!.match(/<rect x/g)).toHaveLength(16);
    expect(attention).toContain('fill-opacity="0.000"');
    expect(attention).toContain('fill-opacity="0.850"');
    expect(experts!.match(/<text [^>]*>[01]</g)).toHaveLength(16);
  });

  it('says what it can not read', async () => {
    for (const [path, message] of [
      [join(folder.path, 'nowhere.png'), /Can't read .*nowhere.png: it does not exist/],
      [join(run, 'config.json'), /config.json: expected a JPEG, PNG or WebP, got another content/],
      [join(run, 'checkpoints'), /checkpoints holds no pictures/],
    ] as const) {
      const { code, err } = await vitTrain('predict', path, '--checkpoint', run);
      expect(err).toMatch(message);
      expect(code).toBe(1);
    }
  });
});
