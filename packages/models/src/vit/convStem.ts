import { below, normalize, normSpecs, parameter, under, type ParameterRecord, type ParameterSpecs } from '@scmoe/layer';
import { linear } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { numConvolutions } from './numConvolutions.js';
import type { ResolvedVit } from './VitConfig.js';
import { windowsOf } from './windowsOf.js';

/** Side of the filters, and by how much each convolution makes height and width less. */
const [filterSide, stride] = [3, 2];

/** One convolution of a stem. */
export interface StemConvolution {
  /** What its parameters are below. */
  name: string;
  channelsIn: number;
  channelsOut: number;
  /** Side of what it gives. */
  side: number;
}

/**
 * The convolutions of a stem, the last one dModel wide and each before it half as wide as the next; none where patches are
 * cut.
 */
export function convolutionsOf({ stem, imageSize, patchStride, numChannels, dModel }: ResolvedVit): StemConvolution[] {
  if (stem !== 'convolutions') return [];
  const count = numConvolutions(patchStride);
  const channels = [numChannels, ...Array.from({ length: count }, (_, i) => dModel / 2 ** (count - 1 - i))];
  return Array.from({ length: count }, (_, i) => ({
    name: `stem${i}`,
    channelsIn: channels[i]!,
    channelsOut: channels[i + 1]!,
    side: imageSize / stride ** (i + 1),
  }));
}

/** Parameters of the stem: filters (3 * 3 * C, C'), as TF.js has those of a convolution, biases and norms. */
export function convStemSpecs(config: ResolvedVit): ParameterSpecs {
  const specs = convolutionsOf(config).map(({ name, channelsIn, channelsOut }) => {
    const fanIn = filterSide ** 2 * channelsIn;
    return under(name, {
      // He et al., arXiv 1502.01852, eq. 10: what comes out varies as much as what goes in.
      weight: { shape: [fanIn, channelsOut], initial: 'normal', standardDeviation: Math.sqrt(2 / fanIn) },
      bias: { shape: [channelsOut], initial: 'zeros' },
      ...under('norm', normSpecs(channelsOut, config.norm)),
    });
  });
  return Object.assign({}, ...specs) as ParameterSpecs;
}

/**
 * Convolutions in place of patches (Xiao et al., arXiv 2106.14881, section 4): images (B, H, W, C) -> (B, H/s * W/s, d) for
 * a patchStride of s, by log2(s) convolutions of 3 x 3 with a stride of 2. The last one, of 1 x 1, is the patch projection.
 *
 * Each is followed by GELU and the model's norm over the channels, where the paper has batch norm and ReLU: statistics of a
 * batch would make pictures, micro-batches and ranks depend on each other. The activation comes first, as in ConvMixer
 * (Trockman and Kolter, arXiv 2201.09792), for then it is one kernel with the product.
 */
export function convStem(images: tf.Tensor4D, parameters: ParameterRecord, config: ResolvedVit): tf.Tensor3D {
  const features = convolutionsOf(config).reduce((x, { name }) => {
    const own = below(parameters, name);
    return normalize(convolve(x, own), below(own, 'norm'), config);
  }, images);
  const [batch, height, width, channels] = features.shape;
  return tf.reshape(features, [batch, height * width, channels]);
}

/** (B, H, W, C) -> (B, H/2, W/2, C'), with GELU: a product of windows and filters. */
function convolve(x: tf.Tensor4D, parameters: ParameterRecord): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const [rows, columns] = [height / stride, width / stride];
  const inRows = tf.reshape(windowsOf(x, filterSide, stride), [
    batch * rows,
    filterSide,
    columns,
    filterSide * channels,
  ]);
  const windows = tf.reshape(tf.transpose(inRows, [0, 2, 1, 3]), [batch, rows, columns, filterSide ** 2 * channels]);
  return linear(windows, parameter<tf.Tensor2D>(parameters, 'weight'), parameters['bias'], {
    activation: 'gelu',
  }) as tf.Tensor4D;
}
