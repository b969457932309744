export type { ImageSize, RgbImage } from './RgbImage.js';
export { decodeImage, type DecodeOptions } from './decode/decodeImage.js';

export { defaultPreprocessing, type PerChannel, type PreprocessSettings } from './preprocess/PreprocessSettings.js';
export { preprocessorSettings, readPreprocessor } from './preprocess/readPreprocessor.js';
export { normalizePixels, type Pixels, preprocess, resizeAndCrop } from './preprocess/preprocess.js';
export { resize } from './preprocess/resize.js';
export type { Resample } from './preprocess/resampleFilters.js';
