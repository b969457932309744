import { expectThat } from '@scmoe/errors';

type Sizes = Readonly<Record<string, { shape: readonly number[] } | undefined>>;
type Given = Readonly<Record<string, unknown>>;

interface Condition {
  holds: (inputs: Sizes, attributes: Given) => boolean;
  expected: string;
  got: (inputs: Sizes, attributes: Given) => unknown;
}

/** They go over as many outputs as follow from the strides. */
const steps: Condition = {
  holds: (_, { strides }) => ![strides].flat().some((stride) => Number(stride) === 0),
  expected: 'strides of at least 1',
  got: (_, { strides }) => strides,
};

/** It looks at a window of dy for each pixel of the images, whose size follows from how many pixels of dy come on one of them. */
const windows: Condition = {
  holds: ({ images, dy }, { alignCorners }) => {
    if (!images || !dy || images.shape.includes(0)) return true;
    return [1, 2].every((axis) => {
      const [size, resized] = [images.shape[axis]!, dy.shape[axis]!];
      const edge = alignCorners && resized > 1 ? 1 : 0;
      return (resized - edge) / (size - edge) !== Infinity;
    });
  },
  expected: 'pixels between which corners can be aligned',
  got: ({ images, dy }) => [images?.shape, dy?.shape],
};

/** Conditions under which calls of TF.js's JavaScript kernels end, by the kernel; its functions let the others through. */
const conditions: Record<string, Condition | undefined> = {
  Conv2DBackpropFilter: steps,
  Conv2DBackpropInput: steps,
  Conv3DBackpropFilterV2: steps,
  Conv3DBackpropInputV2: steps,
  DepthwiseConv2dNativeBackpropFilter: steps,
  DepthwiseConv2dNativeBackpropInput: steps,
  Dilation2DBackpropFilter: steps,
  Dilation2DBackpropInput: steps,
  ResizeNearestNeighborGrad: windows,
};

export function hasEnd(kernelName: string, inputs: object, attributes: object): boolean {
  return conditions[kernelName]?.holds(inputs as Sizes, attributes as Given) ?? true;
}

/** @throws ArgumentError for a call that would not end */
export function expectEnd(kernelName: string, inputs: object, attributes: object): void {
  const { expected = '', got } = conditions[kernelName] ?? {};
  if (hasEnd(kernelName, inputs, attributes)) return;
  expectThat(false, kernelName, expected, got?.(inputs as Sizes, attributes as Given));
}
