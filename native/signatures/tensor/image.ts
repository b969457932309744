/** How pictures are made larger or smaller: see cpu/resize.h. */
const resize = {
  batch: 'size 1..',
  inHeight: 'size 1..',
  inWidth: 'size 1..',
  channels: 'size 1..',
  outHeight: 'size 1..',
  outWidth: 'size 1..',
  alignCorners: 'boolean',
  halfPixelCenters: 'boolean',
} as const;
const forward = {
  ...resize,
  x: 'float32[batch * inHeight * inWidth * channels]',
  y: 'out float32[batch * outHeight * outWidth * channels]',
} as const;
const backward = {
  ...resize,
  dy: 'float32[batch * outHeight * outWidth * channels]',
  dx: 'out float32[batch * inHeight * inWidth * channels]',
} as const;

/** Pictures are (batch, height, width, channels). */
export const image = {
  resizeBilinear: forward,
  resizeNearest: forward,
  resizeBilinearBackward: backward,
  resizeNearestBackward: backward,
  /** A box is its upper, left, lower and right edge, of 0 to 1; `outside` is what there is beside a picture. */
  cropAndResize: {
    batch: 'size',
    height: 'size',
    width: 'size',
    channels: 'size',
    count: 'size',
    cropHeight: 'size',
    cropWidth: 'size',
    isBilinear: 'boolean',
    outside: 'number',
    x: 'float32[batch * height * width * channels]',
    boxes: 'float32[count * 4]',
    pictures: 'int32[count]',
    y: 'out float32[count * cropHeight * cropWidth * channels]',
  },
  /** Boxes that overlap no better one: how many, of at most `most`. A box is two opposite corners. */
  suppressBoxes: {
    count: 'size 0..2147483647',
    most: 'size',
    iouThreshold: 'number',
    scoreThreshold: 'number',
    softSigma: 'number',
    boxes: 'float32[count * 4]',
    scores: 'float32[count]',
    kept: 'out int32[most]',
    keptScores: 'out float32[most]',
    '=>': 'number',
  },
} as const;
