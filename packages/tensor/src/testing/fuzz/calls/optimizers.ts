import * as tf from '@tensorflow/tfjs';

import { AdamW, type AdamWOptions } from '../../../optim/adamW.js';
import { globalNorm } from '../../../optim/globalNorm.js';
import type { Generator } from '../Call.js';
import { plain } from './ownFunctions.js';

/** A parameter after one step. */
function stepped(parameter: tf.Tensor, gradient: tf.Tensor, options: AdamWOptions, learningRate: number): tf.Tensor {
  const optimizer = new AdamW(options);
  const variable = tf.variable(parameter);
  try {
    optimizer.step({ p: variable }, { p: gradient }, { learningRate });
    return tf.clone(variable);
  } finally {
    optimizer.dispose();
    variable.dispose();
  }
}

/** What trains: the norm of gradients, and AdamW in its forms. */
export const optimizerCalls: Generator[] = [
  {
    kernel: 'ScmoeGlobalNorm',
    draw: (draw) => {
      const operands = Object.fromEntries(draw.list(draw.int(1, 4), (i) => [`g${i}`, draw.floats(draw.shape())]));
      return plain('globalNorm', operands, {}, (tensors) => globalNorm(Object.values(tensors)));
    },
  },
  {
    kernel: 'ScmoeAdamW',
    draw: (draw) => {
      const shape = draw.shape();
      const attributes = { learningRate: 0.01, weightDecay: draw.pick([0, 0.1]) };
      return plain(
        'AdamW',
        { p: draw.floats(shape), g: draw.floats(shape) },
        attributes,
        ({ p, g }, { learningRate, weightDecay }) => stepped(p!, g!, { weightDecay }, learningRate),
      );
    },
  },
  {
    kernel: 'ScmoeAdamWRounded',
    draw: (draw) => {
      const shape = draw.shape();
      const operands = { p: draw.floats(shape), g: draw.floats(shape) };
      return plain('AdamW', operands, { seed: draw.pick([0, 7]) }, ({ p, g }, { seed }) =>
        stepped(p!, g!, { moments: 'bfloat16', seed }, 0.01),
      );
    },
  },
  {
    kernel: 'ScmoeAdamWByRates',
    draw: (draw) => {
      const [first, second] = [draw.shape(), draw.shape()];
      const operands = { p: draw.floats(first), g: draw.floats(first), q: draw.floats(second), h: draw.floats(second) };
      const attributes = { weightDecay: draw.pick([0, 0.1]) };
      return plain('AdamW.update', operands, attributes, ({ p, g, q, h }, { weightDecay }) => {
        const optimizer = new AdamW({ weightDecay, decay: (name) => name === 'p' });
        const variables = { p: tf.variable(p!), q: tf.variable(q!) };
        try {
          const rates = tf.tensor1d(optimizer.advance(0.01));
          optimizer.update(variables, { p: g!, q: h! }, { rates, gradScale: tf.scalar(0.5) });
          return Object.values(variables).map((variable) => tf.clone(variable));
        } finally {
          optimizer.dispose();
          tf.dispose(variables);
        }
      });
    },
  },
];
