import * as tf from '@tensorflow/tfjs';

import { attention, type AttentionOptions } from '../../../ops/attention.js';
import { decode } from '../../../ops/decode.js';
import { dispatchPlan } from '../../../ops/dispatchPlan.js';
import { dropout } from '../../../ops/dropout.js';
import { embedding } from '../../../ops/embedding.js';
import { encode } from '../../../ops/encode.js';
import { groupedFfn } from '../../../ops/groupedFfn.js';
import { layerNorm } from '../../../ops/layerNorm.js';
import { settleWeight } from '../../../io/settleWeight.js';
import { transposedOver } from '../../../io/transposedOver.js';
import { linear } from '../../../ops/linear.js';
import { mergedLinear } from '../../../ops/mergedLinear.js';
import { mlp } from '../../../ops/mlp.js';
import { linearCrossEntropy } from '../../../ops/linearCrossEntropy.js';
import { rmsNorm } from '../../../ops/rmsNorm.js';
import { route, type RouteOptions } from '../../../ops/route.js';
import { softmaxCrossEntropy } from '../../../ops/softmaxCrossEntropy.js';
import { splitRows } from '../../../ops/splitRows.js';
import { swiglu } from '../../../ops/swiglu.js';
import type { WeightFormat } from '../../../weights/roundToFormat.js';
import { roundToBf16 } from '../../../weights/roundToBf16.js';
import { toWeightFormat } from '../../../weights/toWeightFormat.js';
import { randomNormal, randomUniform, type RandomOptions } from '../../../random/randomTensors.js';
import type { Attributes, Generator } from '../Call.js';
import type { Draw } from '../Draw.js';
import { activations, drawAttention, drawChoices, drawExperts, drawSlots, width } from './fusedArguments.js';
import { differentiated, plain } from './ownFunctions.js';

type RandomPart = RandomOptions & { shape: number[] };

function drawRandomPart(draw: Draw): Attributes {
  return { shape: draw.shape(), seed: draw.int(0, 99), stream: draw.int(0, 9), offset: draw.int(0, 9) };
}

/** Our functions, each of which reaches the kernel of its name and that of its gradient. */
export const fusedOpCalls: Generator[] = [
  {
    kernel: 'ScmoeLinear',
    draw: (draw) => {
      const [dIn, dOut] = [width(draw), width(draw)];
      const operands = {
        x: draw.floats([...draw.shape(draw.int(0, 3)), dIn]),
        weight: draw.floats([dIn, dOut]),
        bias: draw.chance(0.5) ? draw.floats([dOut]) : undefined,
      };
      const attributes = { activation: draw.pick(activations), float32: draw.chance(0.5) };
      return differentiated('linear', operands, attributes, ({ x, weight, bias }, options) =>
        linear(x!, weight!, bias, options),
      );
    },
  },
  {
    kernel: 'ScmoeMergedLinear',
    draw: (draw) => {
      const [dIn, widths] = [width(draw), [width(draw), width(draw)] as const];
      const hasBiases = draw.chance(0.5);
      const operands = {
        ...{ x: draw.floats([...draw.shape(draw.int(0, 3)), dIn]) },
        ...{ w0: draw.floats([dIn, widths[0]]), b0: hasBiases ? draw.floats([widths[0]]) : undefined },
        ...{ w1: draw.floats([dIn, widths[1]]), b1: hasBiases ? draw.floats([widths[1]]) : undefined },
      };
      return differentiated('mergedLinear', operands, {}, ({ x, w0, b0, w1, b1 }) =>
        tf.concat(
          mergedLinear(x!, [
            { weight: w0!, bias: b0 },
            { weight: w1!, bias: b1 },
          ]),
          -1,
        ),
      );
    },
  },
  {
    kernel: 'ScmoeSplitRows',
    draw: (draw) => {
      const parts = draw.int(2, 4);
      const operands = { x: draw.floats([parts * draw.int(0, 5), ...draw.shape(draw.int(0, 2))]) };
      return differentiated('splitRows', operands, { parts }, ({ x }, { parts: given }: { parts: number }) =>
        splitRows(x!, given),
      );
    },
  },
  {
    kernel: 'ScmoeStoreWeight',
    draw: (draw) => {
      const [dIn, dOut] = [draw.int(1, 70), draw.pick([draw.int(1, 20), 16 * draw.int(1, 9)])];
      const operands = { x: draw.floats([draw.int(1, 10), dIn]), weight: draw.floats([dIn, dOut]) };
      const attributes = { format: draw.pick(['bfloat16', 'int8'] as const) };
      return plain('toWeightFormat', operands, attributes, ({ x, weight }, { format }: { format: WeightFormat }) => {
        const stored = toWeightFormat(weight!, format);
        const lying = transposedOver([tf.transpose(weight!).dataSync() as Float32Array], weight!.shape);
        const asItLies = linear(x!, lying);
        settleWeight(lying);
        return [stored, linear(x!, stored), asItLies, linear(x!, lying)];
      });
    },
  },
  {
    kernel: 'ScmoeLayerNorm',
    draw: (draw) => {
      const d = draw.int(2, 20);
      const operands = {
        x: draw.floats([...draw.shape(draw.int(0, 3)), d]),
        weight: draw.floats([d]),
        bias: draw.floats([d]),
      };
      return differentiated('layerNorm', operands, { epsilon: 1e-2 }, ({ x, weight, bias }, options) =>
        layerNorm(x!, weight!, bias!, options),
      );
    },
  },
  {
    kernel: 'ScmoeRmsNorm',
    draw: (draw) => {
      const d = draw.int(1, 20);
      const operands = { x: draw.floats([...draw.shape(draw.int(0, 3)), d]), weight: draw.floats([d]) };
      return differentiated('rmsNorm', operands, { epsilon: 1e-2 }, ({ x, weight }, options) =>
        rmsNorm(x!, weight!, options),
      );
    },
  },
  {
    kernel: 'ScmoeAttention',
    draw: (draw) => {
      const { operands, attributes } = drawAttention(draw);
      return differentiated('attention', operands, attributes, ({ q, k, v }, options) =>
        attention(q!, k!, v!, options),
      );
    },
  },
  {
    kernel: 'ScmoeMaskedAttention',
    draw: (draw) => {
      const { operands, attributes } = drawAttention(draw);
      const mask = draw.tensor(operands['k']!.shape.slice(0, 2), 'bool');
      return differentiated('attention', { ...operands, mask }, attributes, ({ q, k, v, mask }, options: object) =>
        attention(q!, k!, v!, { ...(options as AttentionOptions), mask }),
      );
    },
  },
  {
    kernel: 'ScmoeSwiglu',
    draw: (draw) => {
      const [d, f] = [width(draw), width(draw)];
      const operands = {
        x: draw.floats([...draw.shape(draw.int(0, 2)), d]),
        gate: draw.floats([d, f]),
        up: draw.floats([d, f]),
        down: draw.floats([f, d]),
      };
      return differentiated('swiglu', operands, {}, ({ x, gate, up, down }) => swiglu(x!, gate!, up!, down!));
    },
  },
  {
    kernel: 'ScmoeMlp',
    draw: (draw) => {
      const [d, f] = [width(draw), width(draw)];
      const operands = {
        ...{ x: draw.floats([...draw.shape(draw.int(0, 3)), d]), w1: draw.floats([d, f]), w2: draw.floats([f, d]) },
        b1: draw.chance(0.5) ? draw.floats([f]) : undefined,
        b2: draw.chance(0.5) ? draw.floats([d]) : undefined,
      };
      const attributes = { activation: draw.pick(activations.filter((name) => name !== 'none')) };
      return differentiated('mlp', operands, attributes, ({ x, w1, b1, w2, b2 }, options) =>
        mlp(x!, { w1: w1!, b1, w2: w2!, b2 }, options),
      );
    },
  },
  {
    kernel: 'ScmoeEmbedding',
    draw: (draw) => {
      const vocabSize = draw.int(1, 9);
      const operands = {
        ids: draw.ints(draw.shape(draw.int(0, 3)), 0, vocabSize - 1),
        table: draw.floats([vocabSize, width(draw)]),
      };
      return differentiated('embedding', operands, {}, ({ ids, table }) => embedding(ids!, table!));
    },
  },
  {
    kernel: 'ScmoeSoftmaxCrossEntropy',
    draw: (draw) => {
      const [rows, classes] = [draw.int(1, 7), draw.int(2, 40)];
      const operands = { logits: draw.floats([rows, classes]), targets: draw.ints([rows], 0, classes - 1) };
      const attributes = { ignoreIndex: draw.pick([-100, 0]), labelSmoothing: draw.pick([0, 0.1]) };
      return differentiated('softmaxCrossEntropy', operands, attributes, ({ logits, targets }, options) =>
        softmaxCrossEntropy(logits!, targets!, options),
      );
    },
  },
  {
    kernel: 'ScmoeLinearCrossEntropy',
    draw: (draw) => {
      const [rows, dIn, classes] = [draw.int(1, 7), draw.int(1, 9), draw.int(2, 40)];
      const transposeWeight = draw.chance(0.5);
      const operands = {
        x: draw.floats([rows, dIn]),
        weight: draw.floats(transposeWeight ? [classes, dIn] : [dIn, classes]),
        targets: draw.ints([rows], 0, classes - 1),
        bias: draw.chance(0.5) ? draw.floats([classes]) : undefined,
      };
      const attributes = { transposeWeight, ignoreIndex: draw.pick([-100, 0]), labelSmoothing: draw.pick([0, 0.1]) };
      return differentiated(
        'linearCrossEntropy',
        operands,
        attributes,
        ({ x, weight, targets, bias }, options: object) =>
          linearCrossEntropy(x!, weight!, targets!, { ...options, ...(bias && { bias }) }),
      );
    },
  },
  {
    kernel: 'ScmoeDropout',
    draw: (draw) =>
      differentiated(
        'dropout',
        { x: draw.floats(draw.shape()) },
        { rate: draw.pick([0, 0.3, 0.9]), seed: draw.int(0, 99), stream: draw.int(0, 9) },
        ({ x }, options) => dropout(x!, options),
      ),
  },
  {
    kernel: 'ScmoeRandomUniform',
    draw: (draw) =>
      plain('randomUniform', {}, drawRandomPart(draw), (_, { shape, ...part }: RandomPart) =>
        randomUniform(shape, part),
      ),
  },
  {
    kernel: 'ScmoeRandomNormal',
    draw: (draw) =>
      plain('randomNormal', {}, drawRandomPart(draw), (_, { shape, ...part }: RandomPart) => randomNormal(shape, part)),
  },
  {
    kernel: 'ScmoeRoute',
    draw: (draw) => {
      const numExperts = draw.int(2, 8);
      const attributes = {
        topK: draw.int(1, numExperts),
        scoreFunction: draw.pick(['softmax', 'sigmoid']),
        normalizeWeights: draw.chance(0.5),
        routedScalingFactor: draw.pick([1, 2.5]),
        capacity: draw.pick([0, 2]),
      };
      const tokens = draw.int(1, 9);
      const mask = draw.chance(0.3) ? draw.tensor([tokens], 'bool') : undefined;
      return differentiated(
        'route',
        { logits: draw.floats([tokens, numExperts]), mask },
        attributes,
        ({ logits, mask }, options: object) => {
          const { weights, scores, experts, slots, counts, load } = route(logits!, {
            ...(options as RouteOptions),
            mask,
          });
          return [weights, scores, experts, slots, counts, load];
        },
      );
    },
  },
  {
    kernel: 'ScmoeDispatchPlan',
    draw: (draw) => {
      const [tokens, numExperts] = [draw.int(0, 9), draw.int(1, 5)];
      const topK = draw.int(1, numExperts);
      const operands = {
        experts: drawChoices(draw, tokens, topK, numExperts),
        weights: draw.floats([tokens, topK], { low: 0 }),
      };
      const attributes = {
        numExperts,
        numZeroExperts: draw.pick([0, 0, 1]),
        capacity: draw.pick([0, 1, 3]),
        dropPolicy: draw.pick(['position', 'probability']),
        capacityOrder: draw.pick(['choice', 'token']),
      };
      return plain('dispatchPlan', operands, attributes, ({ experts, weights }, options) => {
        const { slots, counts, load, firstLoad } = dispatchPlan(experts!, weights!, options);
        return [slots, counts, load, firstLoad];
      });
    },
  },
  {
    kernel: 'ScmoeEncode',
    draw: (draw) => {
      const { slots, numRows, tokens, d } = drawSlots(draw);
      return differentiated('encode', { x: draw.floats([tokens, d]), slots }, { numRows }, (tensors, options) =>
        encode(tensors['x']!, tensors['slots']!, options),
      );
    },
  },
  {
    kernel: 'ScmoeDecode',
    draw: (draw) => {
      const { slots, numRows, tokens, d, topK } = drawSlots(draw);
      const operands = { rows: draw.floats([numRows, d]), weights: draw.floats([tokens, topK]), slots };
      return differentiated('decode', operands, {}, (tensors) =>
        decode(tensors['rows']!, tensors['weights']!, tensors['slots']!),
      );
    },
  },
  {
    kernel: 'ScmoeGroupedFfn',
    draw: (draw) => {
      const { rows, counts, n, d, f, capacity } = drawExperts(draw);
      const biased = draw.chance(0.5);
      const operands = {
        ...{ rows, counts, w1: draw.floats([n, d, f]), w2: draw.floats([n, f, d]) },
        ...(biased && { b1: draw.floats([n, f]), b2: draw.floats([n, d]) }),
      };
      return differentiated(
        'groupedFfn',
        operands,
        { activation: draw.pick(['gelu', 'silu']), capacity },
        (tensors, options) => {
          const { rows: own, counts: each, ...experts } = tensors;
          return groupedFfn(own!, each!, experts as never, options);
        },
      );
    },
  },
  {
    kernel: 'ScmoeGroupedSwiglu',
    draw: (draw) => {
      const { rows, counts, n, d, f, capacity } = drawExperts(draw);
      const operands = {
        rows,
        counts,
        gate: draw.floats([n, d, f]),
        up: draw.floats([n, d, f]),
        down: draw.floats([n, f, d]),
      };
      return differentiated('groupedFfn', operands, { activation: 'swiglu', capacity }, (tensors, options) => {
        const { rows: own, counts: each, ...experts } = tensors;
        return groupedFfn(own!, each!, experts as never, options);
      });
    },
  },
  {
    kernel: 'ScmoeRoundToBf16',
    draw: (draw) => plain('roundToBf16', { x: draw.floats(draw.shape()) }, {}, ({ x }) => roundToBf16(x!)),
  },
];
