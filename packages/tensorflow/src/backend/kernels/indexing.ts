import * as tf from '@tensorflow/tfjs';

import { attribute } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';

/** Elements by their indices, which nobody reads on the way: TensorFlow checks them on a CPU, and on a GPU gives zeros. */
export const indexingKernels: tf.KernelConfig[] = [
  kernel<Inputs<'x' | 'indices'>, tf.GatherV2Attrs>('GatherV2', (backend, { x, indices }, { axis, batchDims = 0 }) => {
    const [at] = tf.util.parseAxisParam(axis, x.shape) as [number];
    // For its errors: TensorFlow's speak of attributes that TF.js has not.
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, at, batchDims);
    const whole = castTo(backend, indices, 'int32');
    return backend.run('GatherV2', [x, whole, backend.int(at)], { batch_dims: attribute.int(batchDims) });
  }),
  kernel<Inputs<'params' | 'indices'>>('GatherNd', (backend, { params, indices }) =>
    backend.run('GatherNd', [params, castTo(backend, indices, 'int32')]),
  ),
  kernel<Inputs<'indices' | 'updates'>, tf.ScatterNdAttrs>('ScatterNd', (backend, { indices, updates }, { shape }) =>
    backend.run('ScatterNd', [places(backend, indices), updates, backend.ints(shape)]),
  ),
  kernel<Inputs<'tensor' | 'indices' | 'updates'>>('TensorScatterUpdate', (backend, { tensor, indices, updates }) =>
    backend.run('TensorScatterUpdate', [tensor, places(backend, indices), updates]),
  ),
  kernel<Inputs<'indices'>, tf.OneHotAttrs>('OneHot', (backend, { indices }, { depth, onValue, offValue, dtype }) => {
    const constant = (value: number) => backend.constant(dtype, [], [value]);
    return backend.run('OneHot', [
      castTo(backend, indices, 'int32'),
      backend.int(depth),
      constant(onValue),
      constant(offValue),
    ]);
  }),
  kernel<Inputs<'x' | 'segmentIds'>, tf.UnsortedSegmentSumAttrs>(
    'UnsortedSegmentSum',
    (backend, { x, segmentIds }, { numSegments }) =>
      backend.run('UnsortedSegmentSum', [x, castTo(backend, segmentIds, 'int32'), backend.int(numSegments)]),
  ),
];

/** Indices to write at, (n, 1) where TF.js has them as (n). */
function places(backend: TensorFlowBackend, indices: tf.TensorInfo): tf.TensorInfo {
  const whole = castTo(backend, indices, 'int32');
  return whole.shape.length === 1 ? backend.run('Reshape', [whole, backend.ints([whole.shape[0]!, 1])]) : whole;
}
