import * as tf from '@tensorflow/tfjs';

import type { DataType } from '../../binding/dataTypes.js';
import { attribute } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import { castTo } from './castTo.js';

/** Elements by their indices, which nobody reads on the way: TensorFlow checks them on a CPU, and on a GPU gives zeros. */
export const indexingKernels: tf.KernelConfig[] = [
  kernel<Inputs<'x' | 'indices'>, tf.GatherV2Attrs>('GatherV2', (backend, { x, indices }, { axis, batchDims = 0 }) => {
    const [at] = tf.util.parseAxisParam(axis, x.shape) as [number];
    const whole = castTo(backend, indices, 'int32');
    return backend.run('GatherV2', [x, whole, backend.int(at)], { batch_dims: attribute.int(batchDims) });
  }),
  kernel<Inputs<'params' | 'indices'>>('GatherNd', (backend, { params, indices }) =>
    backend.run('GatherNd', [params, castTo(backend, indices, 'int32')]),
  ),
  kernel<Inputs<'indices' | 'updates'>, tf.ScatterNdAttrs>('ScatterNd', (backend, { indices, updates }, { shape }) =>
    backend.run('ScatterNd', [castTo(backend, indices, 'int32'), updates, backend.ints(shape)]),
  ),
  kernel<Inputs<'tensor' | 'indices' | 'updates'>>('TensorScatterUpdate', (backend, { tensor, indices, updates }) =>
    backend.run('TensorScatterUpdate', [tensor, castTo(backend, indices, 'int32'), updates]),
  ),
  kernel<Inputs<'indices'>, tf.OneHotAttrs>('OneHot', (backend, { indices }, { depth, onValue, offValue, dtype }) => {
    const constant = (value: number) => backend.constant(dtype as DataType, [], [value]);
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
