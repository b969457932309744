import type { ExpertSettings, RunSettings } from '@scmoe/run';

import type { DataSettings } from './dataOptions.js';
import type { ModelSettings } from './modelOptions.js';
import type { RecipeSettings } from './recipeOptions.js';

/** All that decides what a run of vit-train computes. */
export type Settings = RunSettings & ExpertSettings & ModelSettings & DataSettings & RecipeSettings;
