import { graphOf, overlappedPlan, planOverlap } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { blockKinds, positions } from '../../config/BlockMoeConfig.js';
import { resolvePair, type PairConfig } from './PairConfig.js';
import { pairOperators } from './pairOperators.js';
import { initializePair } from './pairSpecs.js';
import { runPair } from './runPair.js';

const small: PairConfig = { kind: 'scmoe', dModel: 8, numHeads: 2, ffnHidden: 12, numExperts: 4 };
const parametersOf = (config: PairConfig) => initializePair(config, { seed: 3, standardDeviation: 0.4 });

describe('plans of @scmoe/scheduler', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const operatorsOf = (config: PairConfig) => pairOperators(parametersOf(config), resolvePair(config));

  it.each([
    ['pos1', 3],
    ['pos2', 4],
    ['pos3', 5],
  ] as const)('find the slots of %s in what its operators read and write', (position, numSlots) => {
    expect(graphOf(operatorsOf({ ...small, position })).numSlots).toBe(numSlots);
  });

  it.each(blockKinds.filter((kind) => kind !== 'dgmoe'))('can be made for the pair %s', (kind) => {
    const graph = graphOf(operatorsOf({ ...small, kind }));
    const forward = Object.fromEntries(graph.names.map((name) => [name, 1]));
    expect(planOverlap(graph, { forward }, { maxChunks: 1 }).forward.boundMs).toBeGreaterThan(0);
  });

  it.each(positions)('give the numbers of the sequential plan in every slot of %s', (position) => {
    const config = resolvePair({ ...small, position });
    const parameters = parametersOf(small);
    const x = tf.randomNormal<tf.Rank.R3>([2, 5, 8], 0, 1, 'float32', 7);
    const expected = runPair(x, parameters, config).y.dataSync();
    const { numSlots } = graphOf(operatorsOf({ ...small, position }));
    for (let slot = 0; slot < numSlots; slot++) {
      const { y } = runPair(x, parameters, config, {
        plan: (operators) => overlappedPlan(graphOf(operators), { slot }),
      });
      expect(y.dataSync()).toEqual(expected);
    }
  });
});
