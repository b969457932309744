import type { ExpertSettings, RunSettings } from '@scmoe/run';

import type { DistillSettings } from '../distill/distillOptions.js';
import type { DataSettings } from './dataOptions.js';
import type { FineTuneSettings } from './fineTuneOptions.js';
import type { ModelSettings } from './modelOptions.js';

/** All that decides what a run of lm-train computes. */
export type Settings = RunSettings & ExpertSettings & ModelSettings & DataSettings & FineTuneSettings & DistillSettings;
