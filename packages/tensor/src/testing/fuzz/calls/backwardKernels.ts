import * as tf from '@tensorflow/tfjs';

import { listKernelCall, type Attributes, type Generator, type Operands } from '../Call.js';
import type { Draw } from '../Draw.js';
import { activations, drawAttention, drawChoices, drawExperts, drawSlots, width } from './fusedArguments.js';

/** The kernels of the gradients by themselves, which only our own gradients call: odd arguments must not get through. */
export const backwardCalls: Generator[] = [
  alone('ScmoeLinearBackward', (draw) => {
    const [rows, dIn, dOut] = [draw.size(), width(draw), width(draw)];
    const operands = {
      ...{ dOut: draw.floats([rows, dOut]), x: draw.floats([rows, dIn]), weight: draw.floats([dIn, dOut]) },
      preActivation: draw.floats([rows, dOut]),
    };
    return [operands, { activation: draw.pick(activations), float32: false }];
  }),
  {
    kernel: 'ScmoeMergedLinearBackward',
    draw: (draw) => {
      const [rows, dIn, numLayers] = [draw.size(), width(draw), draw.int(1, 3)];
      const widths = Array.from({ length: numLayers }, () => width(draw));
      const operands = [
        draw.floats([rows, dIn]),
        ...widths.map((dOut) => draw.floats([dIn, dOut])),
        ...widths.map((dOut) => draw.floats([rows, dOut])),
      ];
      return { ...listKernelCall('ScmoeMergedLinearBackward', operands, { numLayers }), isAlone: true };
    },
  },
  alone('ScmoeLayerNormBackward', (draw) => {
    const [rows, d] = [draw.size(), width(draw)];
    const [dOut, x] = [draw.floats([rows, d]), draw.floats([rows, d])];
    const sum = draw.chance(0.5) ? draw.floats([rows, d]) : undefined;
    return [{ dOut, x, weight: draw.floats([d]), mean: draw.floats([rows]), rstd: draw.floats([rows]), sum }, {}];
  }),
  alone('ScmoeRmsNormBackward', (draw) => {
    const [rows, d] = [draw.size(), width(draw)];
    const sum = draw.chance(0.5) ? draw.floats([rows, d]) : undefined;
    const given = { dOut: draw.floats([rows, d]), x: draw.floats([rows, d]), weight: draw.floats([d]) };
    return [{ ...given, rstd: draw.floats([rows]), sum }, {}];
  }),
  alone('ScmoeAttentionBackward', (draw) => {
    const { operands, attributes } = drawAttention(draw);
    const [batch, queries] = operands['q']!.shape;
    const { numHeads, numKvHeads, causal } = attributes;
    return [
      {
        ...{ ...operands, dOut: draw.floats(operands['q']!.shape), out: draw.floats(operands['q']!.shape) },
        logsumexp: draw.floats([batch!, numHeads as number, queries!]),
      },
      { numHeads, numKvHeads, causal, ropeStyle: draw.pick(['none', 'half']), ropeTheta: 10000, scale: 1 },
    ];
  }),
  alone('ScmoeSwigluBackward', (draw) => {
    const [rows, d, f] = [draw.size(), width(draw), width(draw)];
    const hidden = { gated: draw.floats([rows, f]), raised: draw.floats([rows, f]) };
    const weights = { gate: draw.floats([d, f]), up: draw.floats([d, f]), down: draw.floats([f, d]) };
    return [{ dOut: draw.floats([rows, d]), x: draw.floats([rows, d]), ...weights, ...hidden }, {}];
  }),
  alone('ScmoeMlpBackward', (draw) => {
    const [rows, d, f] = [draw.size(), width(draw), width(draw)];
    const hidden = { pre: draw.floats([rows, f]), hidden: draw.floats([rows, f]) };
    const weights = { w1: draw.floats([d, f]), w2: draw.floats([f, d]) };
    const activation = draw.pick(activations.filter((name) => name !== 'none'));
    return [{ dOut: draw.floats([rows, d]), x: draw.floats([rows, d]), ...weights, ...hidden }, { activation }];
  }),
  alone('ScmoeEmbeddingBackward', (draw) => {
    const [ids, d] = [draw.shape(draw.int(0, 2)), width(draw)];
    const sum = draw.chance(0.5) ? draw.floats([5, d]) : undefined;
    return [{ dOut: draw.floats([...ids, d]), ids: draw.ints(ids, 0, 4), sum }, { vocabSize: 5 }];
  }),
  alone('ScmoeSoftmaxCrossEntropyBackward', (draw) => {
    const [rows, classes] = [draw.size(), draw.size(1)];
    const operands = {
      ...{ dOut: draw.floats([]), logits: draw.floats([rows, classes]), targets: draw.ints([rows], 0, classes - 1) },
      ...{ logsumexp: draw.floats([rows]), counted: draw.floats([]) },
    };
    return [operands, { ignoreIndex: -100, labelSmoothing: 0 }];
  }),
  alone('ScmoeRouteBackward', (draw) => {
    const [tokens, numExperts] = [draw.int(0, 5), draw.int(1, 5)];
    const topK = draw.int(1, numExperts);
    const [all, chosen] = [
      [tokens, numExperts],
      [tokens, topK],
    ];
    return [
      {
        ...{
          scores: draw.floats(all),
          weights: draw.floats(chosen),
          experts: drawChoices(draw, tokens, topK, numExperts),
        },
        ...{ dScores: draw.floats(all), dWeights: draw.floats(chosen) },
      },
      { topK, scoreFunction: 'softmax', normalizeWeights: true, routedScalingFactor: 1 },
    ];
  }),
  alone('ScmoeEncodeBackward', (draw) => {
    const { slots, numRows, d } = drawSlots(draw);
    return [{ dOut: draw.floats([numRows, d]), slots }, { numRows }];
  }),
  alone('ScmoeDecodeBackward', (draw) => {
    const { slots, numRows, tokens, d, topK } = drawSlots(draw);
    return [
      { dOut: draw.floats([tokens, d]), rows: draw.floats([numRows, d]), weights: draw.floats([tokens, topK]), slots },
      {},
    ];
  }),
  alone('ScmoeGroupedFfnBackward', (draw) => {
    const { rows, counts, n, d, f, capacity } = drawExperts(draw);
    const hidden = () => draw.floats([rows!.shape[0]!, f]);
    return [
      {
        ...{ dOut: draw.floats(rows!.shape), rows, counts, w1: draw.floats([n, d, f]), w2: draw.floats([n, f, d]) },
        ...{ pre: hidden(), hidden: hidden() },
      },
      { activation: 'gelu', capacity },
    ];
  }),
  alone('ScmoeGroupedSwigluBackward', (draw) => {
    const { rows, counts, n, d, f, capacity } = drawExperts(draw);
    const hidden = () => draw.floats([rows!.shape[0]!, f]);
    return [
      {
        ...{ dOut: draw.floats(rows!.shape), rows, counts, gate: draw.floats([n, d, f]), up: draw.floats([n, d, f]) },
        ...{ down: draw.floats([n, f, d]), gated: hidden(), raised: hidden() },
      },
      { capacity },
    ];
  }),
];

function alone(kernel: string, drawArguments: (draw: Draw) => [Operands, Attributes]): Generator {
  return {
    kernel,
    draw: (draw) => {
      const [operands, attributes] = drawArguments(draw);
      return {
        name: kernel,
        operands,
        attributes,
        isAlone: true,
        run: (tensors, given) => tf.engine().runKernel(kernel, tensors, given as tf.NamedAttrMap),
      };
    },
  };
}
