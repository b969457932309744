import type { LanguageModel } from '@scmoe/models';
import type { TokenBatch } from '@scmoe/trainer';

import type { LanguageData } from './data/loadData.js';
import type { SampleFlags } from './options/sampleOptions.js';
import type { Settings } from './options/Settings.js';

/** The types of lm-train. */
export interface LanguageTypes {
  model: LanguageModel<object>;
  data: LanguageData;
  settings: Settings;
  batch: TokenBatch;
  flags: SampleFlags;
}
