import { availableBackends } from '@scmoe/testing';
import { decode, encode, randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { resolveRouter, routeTokens, type RouterConfig, type Routing } from './index.js';
import { randomParameters } from './testing/randomParameters.js';

const numExperts = 6;
const width = 5;
const configs: Partial<RouterConfig>[] = [
  {},
  { topK: 2 },
  { topK: 6 },
  { topK: 2, capacityFactor: 1 },
  { topK: 2, capacityFactor: 1, capacityOrder: 'token' },
  { topK: 3, capacityFactor: 0.6, dropPolicy: 'probability' },
  { capacityFactor: 0.1, minCapacity: 3 },
  { topK: 2, scoreFunction: 'sigmoid', correctionBias: true, routedScalingFactor: 2.5 },
  { topK: 2, logits: 'cosine', cosineWidth: 4, capacityFactor: 1.25 },
  { topK: 2, noisy: true, capacityFactor: 1 },
  { topK: 3, numGroups: 3, topKGroups: 2, groupScore: 'top2sum', capacityFactor: 1, correctionBias: true },
  { topK: 3, numZeroExperts: 3, correctionBias: true },
  { topK: 3, numZeroExperts: 3, capacityFactor: 0.5, dropPolicy: 'probability' },
  { topK: 2, forcedBalance: true, capacityFactor: 1 },
  { topK: 2, routing: 'expertChoice', capacityFactor: 1 },
];

const numbers = (x: tf.Tensor) => Array.from(x.dataSync());
const tokensOf = (count: number) => randomNormal([count, width], { seed: 3 }) as tf.Tensor2D;

/** Choices as (token, expert, slot, weight) of each token, without those that experts did not take. */
function choices({ experts, slots, weights }: Routing) {
  const [ids, rows, w] = [experts, slots, weights].map((x) => x.arraySync()) as [number[][], number[][], number[][]];
  return ids.map((own, t) => own.map((expert, j) => ({ expert, slot: rows[t]![j]!, weight: w[t]![j]! })));
}

describe.each(availableBackends())('the plan of routeTokens on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  describe.each(configs)('%j', (config) => {
    const router = resolveRouter({ numExperts, ...config });
    const route = (tokens: tf.Tensor2D, order?: tf.Tensor1D) => {
      const all = numExperts + router.numZeroExperts;
      const drawn = randomNormal([tokens.shape[0], all], { seed: 5 }) as tf.Tensor2D;
      return routeTokens(tokens, randomParameters(width, router), router, {
        noise: order ? tf.gather(drawn, order) : drawn,
      });
    };

    it.each([0, 1, 37])('puts each kept choice of %d tokens into one slot of its own', (count) => {
      const tokens = tokensOf(count);
      const routing = route(tokens);
      const { capacity, numRows, counts, load } = routing;
      const perExpert = new Array<number>(numExperts).fill(0);
      const wanted = new Array<number>(numExperts + router.numZeroExperts).fill(0);
      const used = new Set<number>();
      for (const own of choices(routing)) {
        expect(new Set(own.map(({ expert }) => expert)).size).toBe(own.length); // distinct experts
        for (const { expert, slot } of own) {
          wanted[expert]!++;
          if (slot < 0) continue;
          expect(expert).toBeLessThan(numExperts);
          expect(slot).toBeLessThan(numRows);
          expect(used.has(slot)).toBe(false);
          used.add(slot);
          perExpert[expert]!++;
          if (capacity > 0) expect(Math.floor(slot / capacity)).toBe(expert);
        }
      }
      expect(numbers(counts)).toEqual(perExpert);
      if (router.routing === 'tokenChoice') expect(numbers(load)).toEqual(wanted);
      if (capacity > 0) expect(Math.max(...perExpert)).toBeLessThanOrEqual(capacity);
      else expect(perExpert).toEqual(wanted.slice(0, numExperts));
    });

    it('brings every kept choice back to its token', () => {
      const tokens = tokensOf(20);
      const routing = route(tokens);
      const { slots, numRows, weights } = routing;
      const y = decode(encode(tokens, slots, { numRows }), weights, slots);
      const shares = choices(routing).map((own) => own.reduce((sum, c) => sum + (c.slot < 0 ? 0 : c.weight), 0));
      const expected = tf.mul(tokens, tf.tensor2d(shares, [20, 1]));
      expect(tf.max(tf.abs(tf.sub(y, expected))).dataSync()[0]).toBeLessThan(1e-5);
    });

    if (!config.forcedBalance) {
      it('permutes with the tokens', () => {
        const tokens = tokensOf(24);
        const order = tf.tensor1d([...Array(24).keys()].map((t) => (t * 7 + 3) % 24), 'int32'); // prettier-ignore
        const [plain, permuted] = [route(tokens), route(tf.gather(tokens, order), order)];
        expect(numbers(permuted.experts)).toEqual(numbers(tf.gather(plain.experts, order)));
        expect(numbers(permuted.weights)).toEqual(numbers(tf.gather(plain.weights, order)));
        expect(numbers(permuted.load)).toEqual(numbers(plain.load));
        expect(numbers(permuted.counts)).toEqual(numbers(plain.counts));
        // Which choices are kept depends on the order of the tokens where the last to come are dropped.
        if (plain.capacity > 0 && config.dropPolicy !== 'probability' && !config.routing) return;
        const kept = ({ slots }: Routing) => tf.greaterEqual(slots, 0).cast('int32');
        expect(numbers(kept(permuted))).toEqual(numbers(tf.gather(kept(plain), order)));
      });
    }

    it('keeps no tensor but its own', () => {
      const tokens = tokensOf(9);
      const parameters = randomParameters(width, router);
      const noise = tf.zeros<tf.Rank.R2>([9, numExperts + router.numZeroExperts]);
      const before = tf.memory().numTensors;
      const routing = routeTokens(tokens, parameters, router, { noise });
      tf.dispose(routing as unknown as tf.TensorContainer);
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  it('gives each expert its best tokens where experts choose', () => {
    const router = resolveRouter({ numExperts, topK: 2, capacityFactor: 1, routing: 'expertChoice' });
    const routing = routeTokens(tokensOf(12), randomParameters(width, router), router);
    expect(routing.capacity).toBe(4);
    expect(numbers(routing.counts)).toEqual(new Array(numExperts).fill(4));
    expect(numbers(routing.load)).toEqual(numbers(routing.counts));
    const scores = routing.scores.arraySync();
    const rows = choices(routing);
    for (let e = 0; e < numExperts; e++) {
      const best = scores.map((own, t) => [own[e]!, t] as const).sort(([a], [b]) => b - a).slice(0, 4); // prettier-ignore
      const taken = rows.flatMap((own, t) => own.filter((c) => c.expert === e && c.slot >= 0).map(() => t));
      expect(taken).toEqual(best.map(([, t]) => t).sort((a, b) => a - b));
    }
  });
});
