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

/** Sizes for the addon; undefined for what is left to the JavaScript kernel: channels first, sizes that are none, a filter larger than the padded picture. */
export function windowOf(info: Conv2DInfo): Window | undefined {
  const { padInfo, inHeight, inWidth, effectiveFilterHeight, effectiveFilterWidth } = info;
  const { top, bottom, left, right } = padInfo;
  if (info.dataFormat !== 'channelsLast') return undefined;
  if (effectiveFilterHeight > inHeight + top + bottom || effectiveFilterWidth > inWidth + left + right)
    return undefined;
  // One literal: it is made in each call, and spreading parts together takes as long as a small convolution.
  return {
    batch: info.batchSize,
    inHeight,
    inWidth,
    channels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    filterHeight: info.filterHeight,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    dilationHeight: info.dilationHeight,
    dilationWidth: info.dilationWidth,
    top,
    left,
  };
}
