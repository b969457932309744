import { kernelCall, type Generator } from '../Call.js';
import type { Draw } from '../Draw.js';
import type { Operand } from '../Operand.js';

function image(draw: Draw): Operand {
  return draw.floats([draw.int(1, 2), draw.int(1, 6), draw.int(1, 6), draw.int(1, 3)], { low: 0, high: 255 });
}

function resizing(kernel: string): Generator {
  return {
    kernel,
    draw: (draw) => {
      const alignCorners = draw.chance(0.4);
      const halfPixelCenters = !alignCorners && draw.chance(0.5);
      const size = [draw.int(1, 8), draw.int(1, 8)];
      return kernelCall(kernel, { images: image(draw) }, { alignCorners, halfPixelCenters, size });
    },
  };
}

function resizingGradient(kernel: string): Generator {
  return {
    kernel,
    draw: (draw) => {
      const images = image(draw);
      const dy = draw.floats([images.shape[0]!, draw.int(1, 8), draw.int(1, 8), images.shape[3]!]);
      return kernelCall(kernel, { images, dy }, { alignCorners: draw.chance(0.5) });
    },
  };
}

function suppression(kernel: string, own: (draw: Draw) => object): Generator {
  return {
    kernel,
    draw: (draw) => {
      const count = draw.size() * draw.pick([1, 1, 8]);
      const boxes = draw.floats([count, 4], { low: 0, high: 1 });
      const attributes = {
        maxOutputSize: draw.int(0, 6),
        iouThreshold: draw.uniform(),
        scoreThreshold: draw.uniform(0, 0.5),
      };
      return kernelCall(
        kernel,
        { boxes, scores: draw.floats([count], { low: 0, high: 1 }) },
        { ...attributes, ...own(draw) },
      );
    },
  };
}

export const imageCalls: Generator[] = [
  resizing('ResizeBilinear'),
  resizing('ResizeNearestNeighbor'),
  resizingGradient('ResizeBilinearGrad'),
  resizingGradient('ResizeNearestNeighborGrad'),
  suppression('NonMaxSuppressionV3', () => ({})),
  suppression('NonMaxSuppressionV4', (draw) => ({ padToMaxOutputSize: draw.chance(0.5) })),
  suppression('NonMaxSuppressionV5', (draw) => ({ softNmsSigma: draw.pick([0, 0.5]) })),
  {
    kernel: 'CropAndResize',
    draw: (draw) => {
      const picture = image(draw);
      const count = draw.size();
      return kernelCall(
        'CropAndResize',
        {
          image: picture,
          boxes: draw.floats([count, 4], { low: -0.2, high: 1.2 }),
          boxInd: draw.ints([count], 0, picture.shape[0]! - 1),
        },
        {
          cropSize: [draw.int(1, 5), draw.int(1, 5)],
          method: draw.pick(['bilinear', 'nearest']),
          extrapolationValue: draw.pick([0, -1]),
        },
      );
    },
  },
  { kernel: 'FlipLeftRight', draw: (draw) => kernelCall('FlipLeftRight', { image: image(draw) }) },
  {
    kernel: 'RotateWithOffset',
    draw: (draw) =>
      kernelCall(
        'RotateWithOffset',
        { image: image(draw) },
        { radians: draw.uniform(-3, 3), fillValue: draw.pick([0, 1, 9]), center: draw.pick([0.5, 0.2, 1]) },
      ),
  },
  {
    kernel: 'Transform',
    draw: (draw) => {
      const picture = draw.floats([draw.int(1, 3), draw.size(1), draw.size(1), draw.size(1)]);
      return kernelCall(
        'Transform',
        { image: picture, transforms: draw.floats([1, 8], { low: -1, high: 1 }) },
        {
          interpolation: draw.pick(['nearest', 'bilinear']),
          fillMode: draw.pick(['constant', 'reflect', 'wrap', 'nearest']),
          fillValue: 0,
          outputShape: draw.pick([undefined, [3, 4]]),
        },
      );
    },
  },
  {
    // Node has no canvas to draw on: both backends say so.
    kernel: 'Draw',
    draw: (draw) => {
      const canvas = { width: 0, height: 0, getContext: () => ({ putImageData: () => undefined }) };
      const picture = draw.floats([draw.size(1), draw.size(1), draw.pick([1, 3, 4])], { low: 0, high: 1 });
      return kernelCall('Draw', { image: picture }, { canvas, options: {} });
    },
  },
];
