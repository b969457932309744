import * as tf from '@tensorflow/tfjs';

import { attribute, type Attributes } from '../../binding/Attribute.js';
import { kernel, type Inputs } from '../kernel.js';
import type { TensorFlowBackend } from '../TensorFlowBackend.js';
import { castTo } from './castTo.js';
import {
  asManyAs,
  channelsLast,
  inFormat,
  isPadded,
  padded,
  unpadded,
  windowAttributes,
  windowsOf,
  withinPadding,
  type Windows,
} from './windows.js';

const { computePool2DInfo, computePool3DInfo } = tf.backend_util;
type Pool = tf.MaxPoolAttrs & { dataFormat?: 'NDHWC' | 'NCDHW' };

const isVolumes = (name: string) => name.includes('3D');

/** Pools over images and volumes, and their gradients. */
export const poolKernels: tf.KernelConfig[] = [
  ...['MaxPool', 'MaxPool3D'].map((name) =>
    kernel<Inputs<'x'>, Pool>(name, (backend, { x }, attributes) => {
      const windows = windowsFor(name, x.shape, attributes);
      if (isWhole(windows)) return backend.alias(x);
      const images = channelsLast(backend, x, attributes.dataFormat);
      const { operand, within } = withPadding(backend, images, windows, lowest(x));
      return inFormat(backend, backend.run(name, [operand], poolAttributes(within)), attributes.dataFormat);
    }),
  ),
  ...['AvgPool', 'AvgPool3D'].map((name) =>
    kernel<Inputs<'x'>, Pool>(name, (backend, { x }, attributes) => {
      const windows = windowsFor(name, x.shape, attributes);
      if (isWhole(windows)) return backend.alias(x);
      const images = castTo(backend, channelsLast(backend, x, attributes.dataFormat), 'float32');
      const { operand, within } = withPadding(backend, images, windows, 0);
      const mean = backend.run(name, [operand], poolAttributes(within));
      const y = isPadded(windows) ? backend.run('DivNoNan', [mean, shareWithin(backend, name, windows)]) : mean;
      return castTo(backend, inFormat(backend, y, attributes.dataFormat), x.dtype);
    }),
  ),
  ...['MaxPool', 'MaxPool3D'].map((name) =>
    kernel<Inputs<'dy' | 'input'>, Pool>(`${name}Grad`, (backend, { dy, input }, attributes) => {
      const windows = asManyAs(windowsFor(name, input.shape, attributes), dy.shape.slice(1, -1));
      const { operand, within } = withPadding(backend, input, windows, lowest(input));
      const output = backend.run(name, [operand], poolAttributes(within));
      const gradient = backend.run(`${name}Grad`, [operand, output, dy], poolAttributes(within));
      return isPadded(windows) ? unpadded(backend, gradient, windows) : gradient;
    }),
  ),
  ...['AvgPool', 'AvgPool3D'].map((name) =>
    kernel<Inputs<'dy' | 'input'>, Pool>(`${name}Grad`, (backend, { dy, input }, attributes) => {
      const windows = asManyAs(windowsFor(name, input.shape, attributes), dy.shape.slice(1, -1));
      const within = isPadded(windows) ? withinPadding(windows) : windows;
      const shape = backend.ints([input.shape[0]!, ...within.inSizes, input.shape.at(-1)!]);
      const whole = isPadded(windows) ? backend.run('DivNoNan', [dy, shareWithin(backend, name, windows)]) : dy;
      const gradient = backend.run(`${name}Grad`, [shape, whole], poolAttributes(within));
      return isPadded(windows) ? unpadded(backend, gradient, windows) : gradient;
    }),
  ),
  kernel<Inputs<'x'>, tf.MaxPoolWithArgmaxAttrs>(
    'MaxPoolWithArgmax',
    (backend, { x }, { includeBatchInIndex, ...attributes }) => {
      const windows = windowsFor('MaxPool', x.shape, attributes);
      const isNothing = x.dtype === 'float32' ? backend.run('IsNan', [x]) : undefined;
      const numbers = isNothing
        ? backend.run('SelectV2', [isNothing, backend.constant('float32', [], [lowest(x)]), x])
        : x;
      const { operand, within } = withPadding(backend, numbers, windows, lowest(x));
      const [y, at] = backend.runAll('MaxPoolWithArgmax', [operand], {
        ...poolAttributes(within),
        include_batch_in_index: includeBatchInIndex,
      });
      const index = castTo(backend, at!, 'int32');
      return [y!, isPadded(windows) ? indexWithin(backend, index, x.shape, windows) : index];
    },
  ),
];

function windowsFor(name: string, shape: readonly number[], attributes: Pool): Windows {
  const { filterSize, strides, pad, dimRoundingMode, dataFormat } = attributes;
  if (!isVolumes(name))
    return windowsOf(
      computePool2DInfo(shape as [number, number, number, number], filterSize, strides, 1, pad, dimRoundingMode),
    );
  return windowsOf(
    computePool3DInfo(
      shape as [number, number, number, number, number],
      filterSize as number,
      strides as number,
      1,
      pad as number,
      dimRoundingMode,
      dataFormat,
    ),
  );
}

/** Whether TF.js gives the images themselves, for all windows of one pixel that are as many as there are pixels. */
function isWhole({ sizes, inSizes, outSizes }: Windows): boolean {
  return sizes.every((size) => size === 1) && inSizes.every((size, i) => size === outSizes[i]);
}

function poolAttributes(windows: Windows): Attributes {
  return { ...windowAttributes(windows), ksize: attribute.ints([1, ...windows.sizes, 1]) };
}

function withPadding(backend: TensorFlowBackend, x: tf.TensorInfo, windows: Windows, value: number) {
  if (!isPadded(windows)) return { operand: x, within: windows };
  return { operand: padded(backend, x, windows, value), within: withinPadding(windows) };
}

/** The share of each window that lies within the images, (1, rows, columns, 1): a mean counts no padding. */
function shareWithin(backend: TensorFlowBackend, name: string, windows: Windows): tf.TensorInfo {
  const ones = backend.run('Fill', [backend.ints([1, ...windows.inSizes, 1]), backend.constant('float32', [], [1])]);
  return backend.run(name, [padded(backend, ones, windows, 0)], poolAttributes(withinPadding(windows)));
}

/** Smaller than all that a window may hold. */
function lowest({ dtype }: tf.TensorInfo): number {
  return dtype === 'int32' ? -(2 ** 31) : -Infinity;
}

/** Indices into images, from those into padded ones: ((b rows + row) columns + column) channels + channel. */
function indexWithin(
  backend: TensorFlowBackend,
  index: tf.TensorInfo,
  [, rows, columns, channels]: readonly number[],
  windows: Windows,
): tf.TensorInfo {
  const [paddedRows, paddedColumns] = withinPadding(windows).inSizes;
  const divided = (x: tf.TensorInfo, by: number) =>
    ['FloorDiv', 'FloorMod'].map((operation) => backend.run(operation, [x, backend.int(by)]));
  const [pixel, channel] = divided(index, channels!);
  const [line, column] = divided(pixel!, paddedColumns!);
  const [batch, row] = divided(line!, paddedRows!);
  let within = batch!;
  for (const [size, part, before] of [
    [rows!, row!, windows.before[0]!],
    [columns!, column!, windows.before[1]!],
    [channels!, channel!, 0],
  ] as const) {
    const moved = backend.run('Sub', [part, backend.int(before)]);
    within = backend.run('AddV2', [backend.run('Mul', [within, backend.int(size)]), moved]);
  }
  return within;
}
