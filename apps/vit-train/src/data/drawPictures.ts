import type { VitBatch } from '@scmoe/models';
import type { RankPlace } from '@scmoe/run';
import { imageBatches } from '@scmoe/trainer/images';

import { augmentationOf, mixingOf } from '../options/recipeOptions.js';
import type { Settings } from '../options/Settings.js';
import { type PictureData, resizing } from './loadPictures.js';

/** The batches of a run, varied and mixed as the settings say, in threads beside the step. */
export function drawPictures(data: PictureData, settings: Settings, { size }: RankPlace): (index: number) => VitBatch {
  const { batchSize, seed, labelSmoothing, workers, imageSize: side } = settings;
  const batches = imageBatches(data.train, {
    batchSize,
    seed,
    numClasses: data.described.classNames.length,
    augmentation: augmentationOf(settings, side),
    mixing: mixingOf(settings),
    labelSmoothing,
    size: { height: side, width: side },
    preprocessing: { ...resizing(side), ...data.described.normalization },
    workers,
    following: (index) => index + size,
  });
  data.onClose(() => batches.dispose());
  return (index) => batches.drawBatch(index);
}
