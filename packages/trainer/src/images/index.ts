export type { ImageSize, RgbImage } from './RgbImage.js';
export { openImages, type OpenImagesOptions } from './openImages.js';
export type { ImageKind } from './sources/openSource.js';
export type { ImageProgress } from './cache/writeCache.js';
export type { ImageSet, SkippedImage } from './ImageSet.js';
export { holdOut, ImageSplit, type ImageSplitSource } from './ImageSplit.js';
export type { PixelSource } from './PixelStore.js';
export { shapesImages, type ShapesOptions } from './shapes/shapesImages.js';
export { type NamedPicture, readPictures } from './readPictures.js';
export { decodeImage, type DecodeOptions } from './decode/decodeImage.js';

export { defaultPreprocessing, type PerChannel, type PreprocessSettings } from './preprocess/PreprocessSettings.js';
export { preprocessorSettings, readPreprocessor } from './preprocess/readPreprocessor.js';
export { normalizePixels, type Pixels, preprocess, resizeAndCrop } from './preprocess/preprocess.js';
export { resize } from './preprocess/resize.js';
export type { Resample } from './preprocess/resampleFilters.js';

export { type Augmentation, photoAugmentation, type Range, smallImageAugmentation } from './augment/Augmentation.js';
export type { Mixing } from './augment/mixing.js';
export type { WorkerProgram } from './builtProgram.js';
export {
  type HostImageBatch,
  type ImageBatch,
  type ImageBatches,
  imageBatches,
  type ImageBatchOptions,
} from './batches/imageBatches.js';
export { type EvaluationImageBatch, sequentialImageBatches } from './batches/sequentialImageBatches.js';
