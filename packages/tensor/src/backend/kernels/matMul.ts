import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import type { ScmoeBackend } from '../ScmoeBackend.js';
import { isFloat } from './dtypes.js';
import { fusedEnd, type FusedAttributes, type FusedInputs } from './fusedEnd.js';
import { standardKernel } from './standardKernel.js';
import { broadcastWalk } from './walk.js';

interface Operands {
  a: tf.TensorInfo;
  b: tf.TensorInfo;
}

interface Attributes {
  transposeA?: boolean;
  transposeB?: boolean;
}

/** (..., m, k) x (..., k, n) -> (..., m, n), batch dimensions broadcast. Undefined where the operands don't fit. */
function matMul(
  backend: ScmoeBackend,
  { a, b }: Operands,
  { transposeA = false, transposeB = false }: Attributes,
): tf.TensorInfo | undefined {
  if (!isFloat(a) || !isFloat(b)) return undefined;
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const m = transposeA ? columnsA : rowsA;
  const k = transposeA ? rowsA : columnsA;
  const n = transposeB ? rowsB : columnsB;
  const batches = broadcastWalk(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (k !== (transposeB ? columnsB : rowsB) || !batches) return undefined;
  const out = backend.output([...batches.shape, m, n]);
  loadAddon().batchMatMul({
    batches: batches.walk,
    transposeA,
    transposeB,
    m,
    n,
    k,
    a: backend.floats(a),
    b: backend.floats(b),
    out: backend.floats(out),
  });
  return out;
}

const batchMatMul = standardKernel<Operands, Attributes>('BatchMatMul', matMul);

const fusedMatMul = standardKernel<Operands & FusedInputs, Attributes & FusedAttributes>(
  '_FusedMatMul',
  (backend, inputs, attributes) => {
    const end = fusedEnd(inputs, attributes);
    const out = end && matMul(backend, inputs, attributes);
    if (!out) return undefined;
    if (!end.fits(out.shape)) {
      backend.disposeData(out.dataId);
      return undefined;
    }
    end.addBias(backend, out);
    end.activate(backend, out);
    return out;
  },
);

export const matMulKernels: tf.KernelConfig[] = [batchMatMul, fusedMatMul];
