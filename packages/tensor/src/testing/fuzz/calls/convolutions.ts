import { backend_util } from '@tensorflow/tfjs';

import { kernelCall, type Attributes, type Generator } from '../Call.js';
import type { Draw } from '../Draw.js';
import { fusedExtras } from './products.js';
import type { Operand } from '../Operand.js';

/** One convolution or pooling with everything that its kernels are called with. */
interface Window {
  x: Operand; // (batch, ...space, channels)
  space: number[];
  filter: number[];
  channels: number;
  attributes: { strides: number[]; pad: 'same' | 'valid' | number; dilations: number[]; dataFormat: string };
}

function drawWindow(draw: Draw, dimensions: 2 | 3): Window {
  const filter = draw.list(dimensions, () => draw.int(1, 3));
  const dilation = draw.pick([1, 1, 1, 2]);
  const space = filter.map((size) => dilation * (size - 1) + draw.int(1, dimensions === 2 ? 6 : 3));
  const channels = draw.int(1, 4);
  return {
    x: draw.floats([draw.pick([1, 2, 0]), ...space, channels]),
    space,
    filter,
    channels,
    attributes: {
      strides: draw.list(dimensions, () => (dilation > 1 ? 1 : draw.int(1, 3))),
      pad: dimensions === 2 ? draw.pick(['same', 'valid', 1] as const) : draw.pick(['same', 'valid'] as const),
      dilations: new Array<number>(dimensions).fill(dilation),
      dataFormat: dimensions === 2 ? 'NHWC' : 'NDHWC',
    },
  };
}

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];
type Pair = [number, number];
type Triple = [number, number, number];

/** Shape of the result of a convolution with a filter of `filterShape`. */
function outShape(
  { x, attributes: { strides, pad, dilations } }: Window,
  filterShape: number[],
  depthwise = false,
): number[] {
  if (strides.length === 3)
    return backend_util.computeConv3DInfo(
      x.shape as Shape5,
      filterShape as Shape5,
      strides as Triple,
      dilations as Triple,
      pad,
    ).outShape;
  return backend_util.computeConv2DInfo(
    x.shape as Shape4,
    filterShape as Shape4,
    strides as Pair,
    dilations as Pair,
    pad,
    undefined,
    depthwise,
  ).outShape;
}

/** The shape of a picture with its channels first, or as it is; and what says so. */
function orderOf(
  draw: Draw,
  isDense: boolean,
): { order: (shape: number[]) => number[]; said: { dataFormat?: string } } {
  if (!isDense || draw.chance(0.7)) return { order: (shape) => shape, said: {} };
  return { order: ([n, h, w, c]) => [n!, c!, h!, w!], said: { dataFormat: 'NCHW' } };
}

/** Forward, gradient of the filter, gradient of the input. */
function family(
  names: [forward: string, ofFilter: string, ofInput: string],
  dimensions: 2 | 3,
  depthwise = false,
): Generator[] {
  const drawAll = (draw: Draw) => {
    const window = drawWindow(draw, dimensions);
    const filterShape = [...window.filter, window.channels, depthwise ? draw.int(1, 2) : draw.int(1, 4)];
    const { order, said } = orderOf(draw, dimensions === 2 && !depthwise);
    const x = { ...window.x, shape: order(window.x.shape) };
    const out = order(outShape(window, filterShape, depthwise));
    return { ...window, x, filterShape, out, attributes: { ...window.attributes, ...said } };
  };
  const [forward, ofFilter, ofInput] = names;
  return [
    {
      kernel: forward,
      draw: (draw) => {
        const { x, filterShape, attributes } = drawAll(draw);
        return kernelCall(forward, { x, filter: draw.floats(filterShape) }, attributes);
      },
    },
    {
      kernel: ofFilter,
      draw: (draw) => {
        const { x, filterShape, out, attributes } = drawAll(draw);
        return kernelCall(ofFilter, { x, dy: draw.floats(out) }, { ...attributes, filterShape });
      },
    },
    {
      kernel: ofInput,
      draw: (draw) => {
        const { x, filterShape, out, attributes } = drawAll(draw);
        const operands = { dy: draw.floats(out), filter: draw.floats(filterShape) };
        return kernelCall(ofInput, operands, { ...attributes, inputShape: x.shape });
      },
    },
  ];
}

function fused(kernel: string, depthwise: boolean): Generator {
  return {
    kernel,
    draw: (draw) => {
      const { x, filter, channels, attributes } = drawWindow(draw, 2);
      const outChannels = depthwise ? draw.int(1, 2) : draw.int(1, 4);
      const extras = fusedExtras(draw, depthwise ? channels * outChannels : outChannels);
      const operands = { x, filter: draw.floats([...filter, channels, outChannels]), ...extras.operands };
      return kernelCall(kernel, operands, { ...attributes, ...extras.attributes });
    },
  };
}

/** Pooling has windows without channels, and no dilations. */
function drawPool(
  draw: Draw,
  dimensions: 2 | 3,
  isSquare = false,
): { window: Window; attributes: Attributes; out: number[] } {
  const given = drawWindow(draw, dimensions);
  const side = Math.min(given.filter.at(-1)!, given.filter.at(-2)!);
  const drawn = isSquare ? { ...given, filter: [...given.filter.slice(0, -2), side, side] } : given;
  const window = { ...drawn, attributes: { ...drawn.attributes, dilations: new Array<number>(dimensions).fill(1) } };
  const { strides, pad, dataFormat } = window.attributes;
  const out = outShape(window, [...window.filter, window.channels, window.channels]);
  return { window, attributes: { filterSize: window.filter, strides, pad, dataFormat }, out };
}

function pooling(name: 'MaxPool' | 'AvgPool', dimensions: 2 | 3): Generator[] {
  const kernel = dimensions === 3 ? `${name}3D` : name;
  return [
    {
      kernel,
      draw: (draw) => {
        const { window, attributes } = drawPool(draw, dimensions);
        return kernelCall(kernel, { x: window.x }, attributes);
      },
    },
    {
      kernel: `${kernel}Grad`,
      draw: (draw) => {
        const { window, attributes, out } = drawPool(draw, dimensions, name === 'MaxPool' && dimensions === 3);
        const dy = draw.floats(out);
        const output = name === 'MaxPool' ? { output: draw.floats(out) } : {};
        return kernelCall(`${kernel}Grad`, { dy, input: window.x, ...output }, attributes);
      },
    },
  ];
}

function dilation(kernel: string): Generator {
  return {
    kernel,
    draw: (draw) => {
      const { x, filter, channels, attributes } = drawWindow(draw, 2);
      const pad = draw.pick(['same', 'valid'] as const);
      const { outShape: out } = backend_util.computeDilation2DInfo(
        x.shape as Shape4,
        [...filter, channels] as Triple,
        attributes.strides as Pair,
        pad,
        'NHWC',
        attributes.dilations as Pair,
      );
      const dy = kernel === 'Dilation2D' ? {} : { dy: draw.floats(out) };
      const operands = { x, filter: draw.floats([...filter, channels]), ...dy };
      return kernelCall(kernel, operands, { strides: attributes.strides, pad, dilations: attributes.dilations });
    },
  };
}

export const convolutionCalls: Generator[] = [
  ...family(['Conv2D', 'Conv2DBackpropFilter', 'Conv2DBackpropInput'], 2),
  ...family(['Conv3D', 'Conv3DBackpropFilterV2', 'Conv3DBackpropInputV2'], 3),
  ...family(
    ['DepthwiseConv2dNative', 'DepthwiseConv2dNativeBackpropFilter', 'DepthwiseConv2dNativeBackpropInput'],
    2,
    true,
  ),
  fused('FusedConv2D', false),
  fused('FusedDepthwiseConv2D', true),
  ...pooling('MaxPool', 2),
  ...pooling('AvgPool', 2),
  ...pooling('MaxPool', 3),
  ...pooling('AvgPool', 3),
  {
    kernel: 'MaxPoolWithArgmax',
    draw: (draw) => {
      const { window, attributes } = drawPool(draw, 2);
      return kernelCall('MaxPoolWithArgmax', { x: window.x }, { ...attributes, includeBatchInIndex: draw.chance(0.5) });
    },
  },
  ...['Dilation2D', 'Dilation2DBackpropFilter', 'Dilation2DBackpropInput'].map(dilation),
  {
    kernel: 'FusedBatchNorm',
    draw: (draw) => {
      const shape = draw.shape(4, 1);
      const perChannel = () => draw.floats(shape.slice(3));
      return kernelCall(
        'FusedBatchNorm',
        {
          x: draw.floats(shape),
          scale: draw.chance(0.7) ? perChannel() : undefined,
          offset: draw.chance(0.7) ? perChannel() : undefined,
          mean: perChannel(),
          variance: draw.floats(shape.slice(3), { low: 0.1 }),
        },
        { varianceEpsilon: 0.001 },
      );
    },
  },
  {
    kernel: 'LRN',
    draw: (draw) =>
      kernelCall('LRN', { x: draw.floats(draw.shape(4, 1)) }, { depthRadius: draw.int(0, 3), ...normalisation }),
  },
  {
    kernel: 'LRNGrad',
    draw: (draw) => {
      const shape = draw.shape(4, 1);
      const operands = { x: draw.floats(shape), y: draw.floats(shape), dy: draw.floats(shape) };
      return kernelCall('LRNGrad', operands, { depthRadius: draw.int(0, 3), ...normalisation });
    },
  },
];

const normalisation = { bias: 1, alpha: 1, beta: 0.5 };
