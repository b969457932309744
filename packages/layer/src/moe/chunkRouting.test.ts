import { resolveRouter, routeTokens } from '@scmoe/gating';
import { decode, encode, randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { availableBackends } from '@scmoe/testing';
import { chunkRouting } from './chunkRouting.js';

const numExperts = 4;
const d = 4;

describe.each(availableBackends())('chunkRouting on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const tokens = (count: number) => randomNormal([count, d], { seed: 5 }) as tf.Tensor2D;
  const route = (x: tf.Tensor2D, capacityFactor: number) =>
    routeTokens(
      x,
      { weight: randomNormal([d, numExperts], { seed: 6 }) },
      resolveRouter({ numExperts, topK: 2, capacityFactor }),
    );
  /** Rows of the packed buffer that hold a token: every expert's, from its first on. */
  const filled = (packed: tf.Tensor2D, { counts, capacity }: { counts: tf.Tensor; capacity: number }) => {
    const rows = packed.arraySync();
    let start = 0;
    return [...counts.dataSync()].map((count, expert) => {
      const first = capacity > 0 ? expert * capacity : start;
      start += count;
      return rows.slice(first, first + count);
    });
  };

  const cases = [
    ['dropless', 11, 0, 3],
    ['dropless, more chunks than tokens', 3, 0, 8],
    ['dropless, no token', 0, 0, 3],
    ['capacity, with drops', 13, 0.75, 2],
    ['capacity, chunks that do not divide the slots', 16, 1, 3],
    ['capacity, more chunks than slots', 4, 1, 16],
  ] as const;

  it.each(cases)('cuts rows and puts them together again: %s', (_, count, capacityFactor, chunks) => {
    const x = tokens(count);
    const routing = route(x, capacityFactor);
    const { whole, parts, cut, join } = chunkRouting(routing, { chunks });
    const packed = encode(x, whole.slots, { numRows: whole.numRows });
    const pieces = cut(packed);
    expect(pieces.map(({ shape }) => shape)).toEqual(parts.map(({ numRows }) => [numRows, d]));
    expect(join(pieces).arraySync()).toEqual(packed.arraySync());
    const plain = encode(x, routing.slots, { numRows: routing.numRows });
    expect(decode(join(pieces), whole.weights, whole.slots).arraySync()).toEqual(
      decode(plain, routing.weights, routing.slots).arraySync(),
    );
  });

  it.each(cases)('hands every expert the rows that it had, in their order: %s', (_, count, capacityFactor, chunks) => {
    const x = tokens(count);
    const routing = route(x, capacityFactor);
    const { whole, parts, cut } = chunkRouting(routing, { chunks });
    const pieces = cut(encode(x, whole.slots, { numRows: whole.numRows }));
    const perPart = parts.map((part, i) => filled(pieces[i]!, part));
    const expected = filled(encode(x, routing.slots, { numRows: routing.numRows }), routing);
    // Without a capacity the rows of an expert stand in the order of the tokens, chunk after chunk.
    expect(expected.map((_, expert) => perPart.flatMap((experts) => experts[expert]!))).toEqual(expected);
  });

  it('leaves out the choices of zero-computation experts, as the whole does', () => {
    const x = tokens(9);
    const router = resolveRouter({ numExperts: 3, numZeroExperts: 1, topK: 2 });
    const routing = routeTokens(x, { weight: randomNormal([d, 4], { seed: 6 }) }, router);
    const { whole, parts, cut, join } = chunkRouting(routing, { chunks: 2 });
    const rows = join(cut(encode(x, whole.slots, { numRows: whole.numRows })));
    const plain = encode(x, routing.slots, { numRows: routing.numRows });
    expect(decode(rows, whole.weights, whole.slots).arraySync()).toEqual(
      decode(plain, routing.weights, routing.slots).arraySync(),
    );
    const counts = parts.map((part) => part.counts);
    expect(tf.addN(counts).arraySync()).toEqual(routing.counts.arraySync());
  });

  it.each(cases)('cuts the experts of each of two ranks as well: %s', (_, count, capacityFactor, chunks) => {
    const x = tokens(count);
    const routing = route(x, capacityFactor);
    const { whole, parts, cut, join } = chunkRouting(routing, { chunks, expertChunks: 2, ranks: 2 });
    const packed = encode(x, whole.slots, { numRows: whole.numRows });
    const pieces = cut(packed);
    expect(pieces.map(({ shape }) => shape)).toEqual(parts.map(({ numRows }) => [numRows, d]));
    expect(join(pieces).arraySync()).toEqual(packed.arraySync());
    const plain = encode(x, routing.slots, { numRows: routing.numRows });
    expect(decode(join(pieces), whole.weights, whole.slots).arraySync()).toEqual(
      decode(plain, routing.weights, routing.slots).arraySync(),
    );
    // Experts 0 and 1 are on the first rank: part 0 of a chunk has the first of each rank, part 1 the second.
    const perPart = parts.map((part, i) => filled(pieces[i]!, part));
    const expected = filled(plain, routing);
    [0, 2, 1, 3].forEach((expert, place) => {
      const own = perPart.filter((_, i) => i % 2 === Math.floor(place / 2)).flatMap((part) => part[place % 2]!);
      expect([expert, own]).toEqual([expert, expected[expert]]);
    });
  });

  it('has as many parts on a rank without tokens', () => {
    expect(chunkRouting(route(tokens(0), 0), { chunks: 3 }).parts).toHaveLength(3);
  });

  it('lets gradients through to the tokens and the weights', () => {
    const x = tokens(9);
    const loss = (chunks: number) => (given: tf.Tensor) => {
      const { whole, cut, join } = chunkRouting(route(given as tf.Tensor2D, 0), { chunks });
      const pieces = cut(encode(given, whole.slots, { numRows: whole.numRows }));
      return tf.sum(tf.square(decode(join(pieces), whole.weights, whole.slots)));
    };
    const error = tf.max(tf.abs(tf.sub(tf.grad(loss(3))(x), tf.grad(loss(1))(x)))).dataSync()[0]!;
    expect(error).toBeLessThan(1e-5);
  });

  it.each([0, -1, 1.5])('refuses %d chunks', (chunks) => {
    expect(() => chunkRouting(route(tokens(4), 0), { chunks })).toThrow(
      `chunks: expected a positive integer, got ${chunks}`,
    );
  });
});
