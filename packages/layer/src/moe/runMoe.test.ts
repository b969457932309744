import { loadBalanceLoss, recordRouting } from '@scmoe/gating';
import { expectGradientsMatch } from '@scmoe/testing';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import {
  resolveDgMoeLayer,
  resolveMoeLayer,
  resolveScMoeLayer,
  resolveSharedMoeLayer,
} from '../tfLayers/moeLayerOptions.js';
import { initializeParameters } from '../parameters/initializeParameters.js';
import { overlappedPlan } from '../testing/overlappedPlan.js';
import { moeLayerOperators, moeSpecs, type ResolvedMoeLayer } from './moeLayerOperators.js';
import { runMoe } from './runMoe.js';

const experts = { numExperts: 4, expertHidden: 6 };
const configs: Record<string, ResolvedMoeLayer> = {
  mixtureOfExperts: resolveMoeLayer(experts, 2),
  'mixtureOfExperts, zero experts': resolveMoeLayer({ ...experts, numZeroExperts: 2 }, 3),
  'mixtureOfExperts, swiglu with biases': resolveMoeLayer({ ...experts, activation: 'swiglu', ffnBias: true }, 1),
  sharedExpertMoE: resolveSharedMoeLayer({ ...experts, mix: 'cg2', ffnBias: false }),
  scMoE: resolveScMoeLayer({ ...experts, topK: 2 }),
  'scMoE without norm': resolveScMoeLayer({ ...experts, shortcutNorm: 'none', mix: 'add', activation: 'swiglu' }),
  dgMoE: resolveDgMoeLayer({ ...experts, norm: 'rms' }),
};

/** Parameters well away from zero, so that every path matters. */
const parametersOf = (config: ResolvedMoeLayer) =>
  initializeParameters(moeSpecs(8, config), { seed: 3, standardDeviation: 0.4 });
const tokens = (seed: number) => tf.randomNormal([3, 2, 8], 0, 1, 'float32', seed);

describe('runMoe', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(Object.entries(configs))('has gradients that agree with finite differences: %s', (_, config) => {
    const parameters = parametersOf(config);
    const names = Object.keys(parameters).filter((name) => /router|w1|gate|down|Bias|mix|weight/.test(name));
    const direction = tokens(11);
    // Nothing but the shared expert and DGMoE's second way reads the current activation where there is a shortcut.
    const inputs = config.shared || config.dual ? [tokens(5), tokens(6)] : [tokens(5)];
    const loss = (...values: tf.Tensor[]) => {
      const [current, shortcut] = values.slice(0, inputs.length) as [tf.Tensor, tf.Tensor | undefined];
      const changed = Object.fromEntries(names.map((name, i) => [name, values[inputs.length + i]!]));
      const { y, routing } = runMoe(current, { ...parameters, ...changed }, config, { shortcut });
      return tf.add<tf.Scalar>(tf.mean(tf.mul(y, direction)), tf.mul(loadBalanceLoss(routing), 0.1));
    };
    // Small steps, for at a choice of experts the function jumps.
    const options = { step: 2e-3, samples: 2, tolerance: 3e-2, absoluteTolerance: 2e-3 };
    expectGradientsMatch(loss, [...inputs, ...names.map((name) => parameters[name]!)], options);
  });

  it.each([
    ['mixtureOfExperts', 'gate, encode, dispatch, expert, combine, decode, output'],
    ['sharedExpertMoE', 'gate, encode, dispatch, expert, combine, sharedExpert, decode, output'],
    ['scMoE', 'gate, encode, dispatch, expert, combine, sharedExpert, decode, output'],
    [
      'dgMoE',
      'gate1, encode1, dispatch1, expert1, combine1, gate2, encode2, dispatch2, expert2, combine2, decode1, decode2, output',
    ],
  ])('names its operators: %s', (name, expected) => {
    const config = configs[name]!;
    const operators = moeLayerOperators(parametersOf(config), config);
    expect(operators.map(({ name }) => name).join(', ')).toBe(expected);
  });

  it.each(['scMoE', 'dgMoE'])('gives the same output when overlapped: %s', (name) => {
    const config = configs[name]!;
    const parameters = parametersOf(config);
    const [sequential, overlapped] = [sequentialPlan, overlappedPlan(1)].map((plan) =>
      runMoe(tokens(5), parameters, config, { shortcut: tokens(6), plan }).y.dataSync(),
    );
    expect(overlapped).toEqual(sequential);
  });

  it('repeats the choices of a trace', async () => {
    const config = configs['scMoE']!;
    const parameters = parametersOf(config);
    const first = runMoe(tokens(5), parameters, config, { shortcut: tokens(6) });
    const [replay] = await recordRouting([first.routing]);
    const other = runMoe(tokens(5), parameters, config, { shortcut: tokens(7), router: { replay } });
    expect(other.routing.experts.dataSync()).toEqual(first.routing.experts.dataSync());
    const dual = configs['dgMoE']!;
    expect(() => runMoe(tokens(5), parametersOf(dual), dual, { router: { replay } })).toThrow(
      'router.replay: expected none with DGMoE',
    );
  });

  it('rejects a shortcut of another shape', () => {
    const config = configs['scMoE']!;
    expect(() => runMoe(tokens(5), parametersOf(config), config, { shortcut: tf.zeros([3, 1, 8]) })).toThrow(
      'shortcut: expected the shape of the current input, (3, 2, 8), got (3, 1, 8)',
    );
  });
});
