import * as tf from '@tensorflow/tfjs';

import { itMatchesReference } from '@scmoe/testing';
import {
  decode,
  dispatchPlan,
  encode,
  RandomStream,
  route,
  valueAndGrads,
  type CapacityOrder,
  type DispatchPlanOptions,
  type DropPolicy,
} from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { dispatchPlanComposed } from './dispatchPlan.js';

const plainRow = (values: ArrayLike<number>) => Array.from(values);

/** Random distinct experts for each token, with weights in descending order. */
function randomChoice(tokens: number, topK: number, numExperts: number, seed: number) {
  const random = new RandomStream({ seed });
  const experts: number[] = [];
  const weights: number[] = [];
  for (let t = 0; t < tokens; t++) {
    const order = Array.from({ length: numExperts }, (_, e) => e);
    random.shuffle(order);
    // Half of the tokens want expert 0 first: something must be dropped.
    if (random.uniform() < 0.5) order.sort((a, b) => Number(b === 0) - Number(a === 0));
    experts.push(...order.slice(0, topK));
    weights.push(...Array.from({ length: topK }, () => random.uniform()).sort((a, b) => b - a));
  }
  return { experts: tf.tensor2d(experts, [tokens, topK], 'int32'), weights: tf.tensor2d(weights, [tokens, topK]) };
}

describe.each(availableBackends())('dispatchPlan on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  itMatchesReference('matches the reference values', 'capacity', ({ tensors, config }) => {
    const { numExperts, dropPolicy, capacityOrder } = config as {
      numExperts: number;
      dropPolicy: DropPolicy;
      capacityOrder: CapacityOrder;
    };
    const capacity = tensors['output.capacity']!.dataSync()[0]!;
    const experts = tensors['buffer.experts']!;
    const plan = dispatchPlan(experts, tensors['buffer.weights']!, { numExperts, capacity, dropPolicy, capacityOrder });
    const slots = plainRow(plan.slots.dataSync());
    expect(slots.map((slot) => Number(slot >= 0))).toEqual(plainRow(tensors['output.kept']!.dataSync()));
    expect(plainRow(plan.counts.dataSync())).toEqual(plainRow(tensors['output.keptCounts']!.dataSync()));
    expect(plainRow(plan.load.dataSync())).toEqual(plainRow(tensors['output.counts']!.dataSync()));
    if (dropPolicy === 'position') {
      const within = slots.map((slot) => (slot < 0 ? -1 : slot % capacity));
      expect(within).toEqual(plainRow(tensors['output.slots']!.dataSync()));
    }
  });

  it('keeps a weight that is NaN before all others', () => {
    const experts = tf.tensor2d([0, 0, 1, 0, 0], [5, 1], 'int32');
    const weights = tf.tensor2d([0.9, NaN, 0.5, 0.95, NaN], [5, 1]);
    const options = { numExperts: 2, numZeroExperts: 0, dropPolicy: 'probability', capacityOrder: 'choice' } as const;
    for (const [capacity, kept] of [
      [1, [-1, 0, 1, -1, -1]],
      [2, [-1, 0, 2, -1, 1]],
      [3, [-1, 0, 3, 1, 2]],
    ] as const)
      for (const plan of [dispatchPlan, dispatchPlanComposed])
        expect([...plan(experts, weights, { ...options, capacity }).slots.dataSync()]).toEqual(kept);
  });

  itMatchesReference('matches the reference values', 'dropless', ({ tensors, config }) => {
    const { numExperts, worldSizes } = config as { numExperts: number; worldSizes: number[] };
    const experts = tensors['buffer.experts']!;
    const plan = dispatchPlan(experts, tf.zeros(experts.shape), { numExperts });
    const counts = plainRow(plan.counts.dataSync());
    const rowsBefore = (e: number) => counts.slice(0, e).reduce((sum, count) => sum + count, 0);
    expect(counts.map((_, e) => rowsBefore(e))).toEqual(plainRow(tensors['output.offsets']!.dataSync()));
    for (const size of worldSizes) {
      const share = numExperts / size;
      const sent = Array.from({ length: size }, (_, r) => rowsBefore((r + 1) * share) - rowsBefore(r * share));
      expect(sent).toEqual(plainRow(tensors[`output.sendCounts.world${size}`]!.dataSync()));
    }
    const order: number[] = [];
    plan.slots.dataSync().forEach((slot, choice) => (order[slot] = choice));
    expect(order).toEqual(plainRow(tensors['output.order']!.dataSync()));
    expect(counts).toEqual(plainRow(tensors['output.counts']!.dataSync()));
  });

  const options: DispatchPlanOptions[] = [];
  for (const capacity of [0, 1, 5, 40])
    for (const dropPolicy of ['position', 'probability'] as const)
      for (const capacityOrder of ['choice', 'token'] as const)
        for (const numZeroExperts of [0, 2])
          options.push({ numExperts: 5 - numZeroExperts, numZeroExperts, capacity, dropPolicy, capacityOrder });

  it.each(options)('keeps its promises and agrees with its twin: %j', (chosen) => {
    for (const [tokens, topK] of [
      [1, 1],
      [33, 1],
      [33, 2],
      [20, 5],
      [0, 2],
    ] as const) {
      // prettier-ignore
      const { experts, weights } = randomChoice(tokens, topK, 5, tokens + topK);
      const plan = dispatchPlan(experts, weights, chosen);
      const twin = dispatchPlanComposed(experts, weights, {
        numZeroExperts: 0,
        ...chosen,
      } as Required<DispatchPlanOptions>);
      for (const name of ['slots', 'counts', 'load', 'firstLoad'] as const)
        expect(plainRow(plan[name].dataSync())).toEqual(plainRow(twin[name].dataSync()));

      const slots = plainRow(plan.slots.dataSync());
      const wanted = experts.dataSync();
      const kept = slots.filter((slot) => slot >= 0);
      expect(new Set(kept).size).toBe(kept.length); // no two choices share a row
      const { numExperts, capacity = 0 } = chosen;
      const perExpert = new Array<number>(numExperts).fill(0);
      slots.forEach((slot, i) => {
        if (slot < 0) return;
        expect(wanted[i]).toBeLessThan(numExperts); // no row for a zero-computation expert
        perExpert[wanted[i]!]!++;
        if (capacity > 0) expect(Math.floor(slot / capacity)).toBe(wanted[i]); // a row of the expert it chose
      });
      expect(plainRow(plan.counts.dataSync())).toEqual(perExpert);
      if (capacity > 0) expect(Math.max(...perExpert)).toBeLessThanOrEqual(capacity);
      else expect(kept.length).toBe(wanted.filter((expert) => expert < numExperts).length);
    }
  });

  it.each(options)('gives nobody a slot, and fills no more than the limit: %j', (chosen) => {
    const { experts, weights } = randomChoice(40, 2, 5, 8);
    const isToken = Array.from({ length: 40 }, (_, t) => t % 3 !== 1);
    const kept = isToken.flatMap((token, t) => (token ? [t] : []));
    const only = (x: tf.Tensor) => tf.gather(x, tf.tensor1d(kept, 'int32'));
    const nobody = tf.where<tf.Tensor>(tf.tensor2d(isToken, [40, 1], 'bool'), experts, tf.scalar(-1, 'int32'));
    const capacity = chosen.capacity!;
    for (const most of capacity > 0 ? [capacity, Math.ceil(capacity / 2), 0] : [0]) {
      const limit = capacity > 0 ? tf.scalar(most, 'int32') : undefined;
      const attributes = { numZeroExperts: 0, ...chosen } as Required<DispatchPlanOptions>;
      const plans = [
        dispatchPlan(nobody, weights, { ...chosen, limit }),
        dispatchPlanComposed(nobody, weights, attributes, limit),
      ];
      // Of the tokens alone, with so few slots to begin with; none at all is asked for as a plan that has nobody.
      const alone = most > 0 || capacity === 0 ? dispatchPlan(only(experts), only(weights), { ...chosen, capacity: most }) : undefined; // prettier-ignore
      for (const { slots, counts, load, firstLoad } of plans) {
        isToken.forEach((token, t) => {
          if (!token) expect(slots.arraySync()[t]).toEqual([-1, -1]);
        });
        const loads = dispatchPlan(only(experts), only(weights), chosen);
        expect(plainRow(load.dataSync())).toEqual(plainRow(loads.load.dataSync()));
        expect(plainRow(firstLoad.dataSync())).toEqual(plainRow(loads.firstLoad.dataSync()));
        expect(plainRow(counts.dataSync())).toEqual(alone ? plainRow(alone.counts.dataSync()) : plainRow(counts.dataSync()).fill(0)); // prettier-ignore
        // The same rows of each expert, which has more room here.
        const wider = (slot: number) => (slot < 0 || capacity === 0 ? slot : Math.floor(slot / most) * capacity + (slot % most)); // prettier-ignore
        const expected = alone && plainRow(alone.slots.dataSync()).map(wider);
        expect(plainRow(only(slots).dataSync())).toEqual(expected ?? kept.flatMap(() => [-1, -1]));
      }
    }
  });

  it('permutes with the tokens when nothing is dropped', () => {
    const { experts, weights } = randomChoice(30, 2, 5, 4);
    const reversed = dispatchPlan(tf.reverse(experts, 0), tf.reverse(weights, 0), { numExperts: 5 });
    const plan = dispatchPlan(experts, weights, { numExperts: 5 });
    expect(plainRow(reversed.counts.dataSync())).toEqual(plainRow(plan.counts.dataSync()));
    const expertOfRow = (slots: tf.Tensor, ids: tf.Tensor) => {
      const rows: number[] = [];
      slots.dataSync().forEach((slot, i) => (rows[slot] = ids.dataSync()[i]!));
      return rows;
    };
    expect(expertOfRow(reversed.slots, tf.reverse(experts, 0))).toEqual(expertOfRow(plan.slots, experts));
  });

  it('stays off the path of tf.grads, which would ask decode for a gradient of the slots', () => {
    const tokens = tf.randomNormal<tf.Rank.R2>([6, 4], 0, 1, 'float32', 3);
    const ofRow = tf.randomNormal([12, 1], 0, 1, 'float32', 5);
    const loss = (logits: tf.Tensor) => {
      const { slots, weights } = route(logits, { topK: 2 });
      const computed = tf.mul(encode(tokens, slots, { numRows: 12 }), ofRow);
      return tf.sum(tf.square(decode(computed, weights, slots)));
    };
    const logits = tf.randomNormal([6, 4], 0, 1, 'float32', 4);
    const router = tf.variable(logits);
    const [expected] = tf.grads(loss)([logits]);
    const { grads } = valueAndGrads(() => loss(router), { router });
    expect(tf.max(tf.abs(expected!)).dataSync()[0]).toBeGreaterThan(1e-3);
    expect(grads['router']!.dataSync()).toEqual(expected!.dataSync());
  });

  it('names what does not fit', () => {
    const { experts, weights } = randomChoice(4, 2, 5, 1);
    expect(() => dispatchPlan(weights, weights, { numExperts: 5 })).toThrow('experts: expected int32, got float32');
    expect(() => dispatchPlan(experts, tf.zeros([4, 1]), { numExperts: 5 })).toThrow(
      'weights: expected (4, 2) like experts',
    );
    expect(() => dispatchPlan(experts, weights, { numExperts: 5, numZeroExperts: -1 })).toThrow(
      'numZeroExperts: expected an integer >= 0, got -1',
    );
    expect(() => dispatchPlan(experts, weights, { numExperts: 5, capacity: -1 })).toThrow(
      'capacity: expected an integer >= 0',
    );
    expect(() => dispatchPlan(experts, weights, { numExperts: 5, limit: tf.scalar(1, 'int32') })).toThrow(
      'limit: expected one number, with a capacity, got []',
    );
    expect(() => dispatchPlan(experts, weights, { numExperts: 5, capacity: 2, limit: tf.scalar(1) })).toThrow(
      'limit: expected int32, got float32',
    );
    if (backend === 'scmoe')
      expect(() => dispatchPlan(experts, weights, { numExperts: 2 })).toThrow(
        /dispatchPlan: experts\[\d\]: expected 0 to 1/,
      );
  });
});
