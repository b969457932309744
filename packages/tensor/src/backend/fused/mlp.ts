import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { mlpBackwardKernel, mlpKernel, type MlpOptions } from '../../ops/mlp.js';
import { costlyKernel } from '../costlyKernel.js';
import { kernel } from '../kernel.js';
import { notedSquares } from '../sumsOfSquares.js';
import { rowsOf } from './elements.js';
import { hiddenWords } from './hiddenWords.js';

interface Weights {
  w1: TensorInfo;
  b1?: TensorInfo;
  w2: TensorInfo;
  b2?: TensorInfo;
}

export const mlpKernels = [
  costlyKernel<Weights & { x: TensorInfo }, MlpOptions>(mlpKernel, (backend, { x, w1, b1, w2, b2 }, { activation }) => {
    const [d, f] = w1.shape as [number, number];
    const rows = rowsOf(x);
    const words = hiddenWords(f);
    const [y, pre, hidden] = [backend.output(x.shape), backend.output([rows, words]), backend.output([rows, words])];
    loadAddon().mlpForward({
      ...{ rows, d, f, words, activation },
      x: backend.floats(x),
      w1: backend.floats(w1),
      b1: b1 && backend.floats(b1),
      w2: backend.floats(w2),
      b2: b2 && backend.floats(b2),
      y: backend.floats(y),
      pre: backend.floats(pre),
      hidden: backend.floats(hidden),
    });
    return [y, pre, hidden];
  }),
  kernel<
    { dOut: TensorInfo; x: TensorInfo; w1: TensorInfo; w2: TensorInfo; pre: TensorInfo; hidden: TensorInfo },
    MlpOptions
  >(mlpBackwardKernel, (backend, { dOut, x, w1, w2, pre, hidden }, { activation }) => {
    const [d, f] = w1.shape as [number, number];
    const dx = backend.output(x.shape);
    const [dW1, dB1, dW2, dB2] = [w1.shape, [f], w2.shape, [d]].map((shape) => backend.output(shape)) as [
      TensorInfo,
      TensorInfo,
      TensorInfo,
      TensorInfo,
    ];
    loadAddon().mlpBackward({
      ...{ rows: rowsOf(x), d, f, words: pre.shape[1]!, activation },
      dy: backend.floats(dOut),
      x: backend.floats(x),
      w1: backend.floats(w1),
      w2: backend.floats(w2),
      pre: backend.floats(pre),
      hidden: backend.floats(hidden),
      dx: backend.floats(dx),
      dW1: backend.floats(dW1),
      dB1: backend.floats(dB1),
      dW2: backend.floats(dW2),
      dB2: backend.floats(dB2),
      squares: notedSquares([dW1, dW2]),
    });
    return [dx, dW1, dB1, dW2, dB2];
  }),
];
