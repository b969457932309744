import type { AugmentPlan } from '../augment/AugmentPlan.js';
import type { MixPlan } from '../augment/mixing.js';
import type { ImageSplitSource } from '../ImageSplit.js';
import type { PreprocessSettings } from '../preprocess/PreprocessSettings.js';
import type { ImageSize } from '../RgbImage.js';

/** All that it takes to make the pixels of a batch, drawn already. */
export interface BatchPlan {
  /** Numbers of the pictures in their split. */
  indices: number[];
  plans: AugmentPlan[];
  mixes: (MixPlan | undefined)[];
}

/** What all batches have in common; can be sent to another thread. */
export interface BatchSettings {
  source: ImageSplitSource;
  /** Size of what a model sees. */
  size: ImageSize;
  batchSize: number;
  normalization: PreprocessSettings;
}
