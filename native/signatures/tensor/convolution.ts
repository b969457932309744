/** How a filter slides over pictures: see cpu/window.h. */
const window = {
  batch: 'size',
  inHeight: 'size',
  inWidth: 'size',
  channels: 'size',
  outHeight: 'size',
  outWidth: 'size',
  filterHeight: 'size 1..65536',
  filterWidth: 'size 1..65536',
  strideHeight: 'size 1..65536',
  strideWidth: 'size 1..65536',
  dilationHeight: 'size 1..65536',
  dilationWidth: 'size 1..65536',
  top: 'size ..65536',
  left: 'size ..65536',
} as const;

/** The same over volumes. */
const volume = {
  ...window,
  inDepth: 'size',
  outDepth: 'size',
  filterDepth: 'size 1..65536',
  strideDepth: 'size 1..65536',
  dilationDepth: 'size 1..65536',
  front: 'size ..65536',
} as const;

const inputs = 'batch * inHeight * inWidth * channels';
const outputs = 'batch * outHeight * outWidth';
const pooled = `${outputs} * channels`;

const convolved = {
  ...window,
  outChannels: 'size',
} as const;
const filter = 'filterHeight * filterWidth * channels * outChannels';

const depthwise = {
  ...window,
  multiplier: 'size',
} as const;
const depthwiseFilter = 'filterHeight * filterWidth * channels * multiplier';

/** What becomes of the values: a bias, then the nearest one from `least` to `greatest`, where `clamps`. */
const epilogue = { clamps: 'boolean', least: 'number', greatest: 'number' } as const;

const volumeInputs = `inDepth * ${inputs}` as const;
const volumeOutputs = `outDepth * ${outputs}` as const;
const volumePooled = `outDepth * ${pooled}` as const;
const convolvedVolume = { ...volume, outChannels: 'size' } as const;
const volumeFilter = `filterDepth * ${filter}` as const;

/** Pictures are (batch, height, width, channels), volumes (batch, depth, height, width, channels). */
export const convolution = {
  convolutionForward: {
    ...convolved,
    ...epilogue,
    x: `float32[${inputs}]`,
    filter: `float32[${filter}]`,
    bias: 'float32[outChannels]?',
    y: `out float32[${outputs} * outChannels]`,
  },
  convolutionBackwardFilter: {
    ...convolved,
    x: `float32[${inputs}]`,
    dy: `float32[${outputs} * outChannels]`,
    dFilter: `out float32[${filter}]`,
  },
  convolutionBackwardInput: {
    ...convolved,
    dy: `float32[${outputs} * outChannels]`,
    filter: `float32[${filter}]`,
    dx: `out float32[${inputs}]`,
  },
  depthwiseForward: {
    ...depthwise,
    ...epilogue,
    x: `float32[${inputs}]`,
    filter: `float32[${depthwiseFilter}]`,
    bias: 'float32[channels * multiplier]?',
    y: `out float32[${pooled} * multiplier]`,
  },
  depthwiseBackwardFilter: {
    ...depthwise,
    x: `float32[${inputs}]`,
    dy: `float32[${pooled} * multiplier]`,
    dFilter: `out float32[${depthwiseFilter}]`,
  },
  depthwiseBackwardInput: {
    ...depthwise,
    dy: `float32[${pooled} * multiplier]`,
    filter: `float32[${depthwiseFilter}]`,
    dx: `out float32[${inputs}]`,
  },
  maxPool: { ...window, x: `float32[${inputs}]`, y: `out float32[${pooled}]` },
  maxPoolBackward: {
    ...window,
    x: `float32[${inputs}]`,
    dy: `float32[${pooled}]`,
    dx: `out float32[${inputs}]`,
  },
  averagePool: { ...window, x: `float32[${inputs}]`, y: `out float32[${pooled}]` },
  averagePoolBackward: { ...window, dy: `float32[${pooled}]`, dx: `out float32[${inputs}]` },
  convolution3dForward: {
    ...convolvedVolume,
    x: `float32[${volumeInputs}]`,
    filter: `float32[${volumeFilter}]`,
    y: `out float32[${volumeOutputs} * outChannels]`,
  },
  convolution3dBackwardFilter: {
    ...convolvedVolume,
    x: `float32[${volumeInputs}]`,
    dy: `float32[${volumeOutputs} * outChannels]`,
    dFilter: `out float32[${volumeFilter}]`,
  },
  convolution3dBackwardInput: {
    ...convolvedVolume,
    dy: `float32[${volumeOutputs} * outChannels]`,
    filter: `float32[${volumeFilter}]`,
    dx: `out float32[${volumeInputs}]`,
  },
  maxPool3d: { ...volume, x: `float32[${volumeInputs}]`, y: `out float32[${volumePooled}]` },
  /** The last one of equal values counts as the largest, as in TF.js; that of `maxPoolBackward` is the first one. */
  maxPool3dBackward: {
    ...volume,
    x: `float32[${volumeInputs}]`,
    dy: `float32[${volumePooled}]`,
    dx: `out float32[${volumeInputs}]`,
  },
  averagePool3d: { ...volume, x: `float32[${volumeInputs}]`, y: `out float32[${volumePooled}]` },
  averagePool3dBackward: { ...volume, dy: `float32[${volumePooled}]`, dx: `out float32[${volumeInputs}]` },
  batchNorm: {
    rows: 'size',
    channels: 'size',
    epsilon: 'number',
    x: 'float32[rows * channels]',
    mean: 'float32[channels]',
    variance: 'float32[channels]',
    scale: 'float32[channels]?',
    offset: 'float32[channels]?',
    y: 'out float32[rows * channels]',
  },
} as const;
