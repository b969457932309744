import { blockKinds, positions } from '../config/BlockMoeConfig.js';
import { resolveBlock, type BlockConfig } from '../stages/block/BlockConfig.js';
import { initializeBlock } from '../stages/block/blockSpecs.js';
import { runBlock } from '../stages/block/runBlock.js';
import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import * as tf from '@tensorflow/tfjs';

const sizes = { dModel: 8, numHeads: 2, ffnHidden: 12, numExperts: 4 };
const start = { seed: 3, standardDeviation: 0.4 };
const outputRows = [1, 4];
const context = { dropless: true, keepCache: true } as const;

/** What a stage gives of some tokens, asked for them and asked for all. */
function pairBothWays(config: PairConfig, x: tf.Tensor3D) {
  const run = (rows?: readonly number[]) =>
    runPair(x, initializePair(config, start), resolvePair(config), { ...context, ...(rows && { outputRows: rows }) });
  return { some: run(outputRows), all: run() };
}
function blockBothWays(config: BlockConfig, x: tf.Tensor3D) {
  const run = (rows?: readonly number[]) =>
    runBlock(x, initializeBlock(config, start), resolveBlock(config), {
      ...context,
      ...(rows && { outputRows: rows }),
    });
  return { some: run(outputRows), all: run() };
}

describe('outputRows', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const x = () => tf.randomNormal<tf.Rank.R3>([1, 6, 8], 0, 1, 'float32', 7);
  const expectSame = ({ some, all }: ReturnType<typeof pairBothWays> | ReturnType<typeof blockBothWays>) => {
    expect(some.y.shape).toEqual([1, 2, 8]);
    const expected = tf.gather(all.y, tf.tensor1d(outputRows, 'int32'), 1);
    // The same sums; a backend may take rows together otherwise where there are fewer of them.
    expect(tf.max(tf.abs(tf.sub(some.y, expected))).dataSync()[0]).toBeLessThan(1e-6);
    const caches = [some, all].map(({ cache }) => Object.values(cache!) as tf.TensorContainer[]);
    const numbers = caches.map((each) =>
      each.flatMap((own) => Object.values(own!).map((t) => [...(t as tf.Tensor).dataSync()])),
    );
    expect(numbers[0]).toEqual(numbers[1]);
  };

  it.each(blockKinds.flatMap((kind) => positions.map((position) => [kind, position] as const)))(
    'gives tokens of a pair of kind %s at %s what they have among all, and remembers all',
    (kind, position) => {
      const shortcut = kind === 'scmoe' || kind === 'dgmoe' ? { position } : {};
      expectSame(pairBothWays({ ...sizes, kind, ...shortcut }, x()));
    },
  );

  it.each(blockKinds.filter((kind) => kind !== 'dgmoe'))('and of a block of kind %s', (kind) => {
    expectSame(blockBothWays({ ...sizes, kind }, x()));
  });

  it('and of a pair whose experts read an activation as it is', () => {
    expectSame(pairBothWays({ ...sizes, kind: 'scmoe', shortcutNorm: 'none' }, x()));
  });

  it('and of a block whose norms stand behind its sublayers', () => {
    expectSame(blockBothWays({ ...sizes, kind: 'standard', norm: 'rms', normPlacement: 'after' }, x()));
  });

  it('names what it can not be put together with', () => {
    const config: PairConfig = { ...sizes, kind: 'standard', connectivity: 'farskip' };
    expect(() => pairBothWays(config, x())).toThrow(
      'outputRows: expected none with a mask, on halves, and in FarSkip connectivity',
    );
  });
});
