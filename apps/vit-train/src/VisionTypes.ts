import type { Vit, VitBatch } from '@scmoe/models';

import type { PictureData } from './data/loadPictures.js';
import type { Settings } from './options/Settings.js';

/** The types of vit-train. */
export interface VisionTypes {
  model: Vit;
  data: PictureData;
  settings: Settings;
  batch: VitBatch;
  flags: object;
}
