import type * as tf from '@tensorflow/tfjs';

/** Sizes by which the addon knows how a filter slides over pictures (native/cpu/window.h). */
export interface Window {
  batch: number;
  inHeight: number;
  inWidth: number;
  channels: number;
  outHeight: number;
  outWidth: number;
  filterHeight: number;
  filterWidth: number;
  strideHeight: number;
  strideWidth: number;
  dilationHeight: number;
  dilationWidth: number;
  top: number;
  left: number;
}

type Conv2DInfo = tf.backend_util.Conv2DInfo;

/** Undefined for what is left to the JavaScript kernel: channels first, sizes that are none, a filter larger than the padded picture. */
export function windowOf(info: Conv2DInfo): Window | undefined {
  const { padInfo, inHeight, inWidth, effectiveFilterHeight, effectiveFilterWidth } = info;
  const { top, bottom, left, right } = padInfo;
  if (info.dataFormat !== 'channelsLast') return undefined;
  if (effectiveFilterHeight > inHeight + top + bottom || effectiveFilterWidth > inWidth + left + right)
    return undefined;
  const { batchSize: batch, inChannels: channels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
  return {
    ...{ batch, inHeight, inWidth, channels, outHeight, outWidth, filterHeight, filterWidth },
    ...{ strideHeight, strideWidth, dilationHeight, dilationWidth, top, left },
  };
}
