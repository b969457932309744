import type { AdapterPlan } from '../../adapters/AdapterPlan.js';
import type { TokenIds } from '../config/generationTokens.js';

/** What it takes to make a language model of a family again, without its folder; plain data, for a checkpoint of ours. */
export interface LanguageModelDescription {
  /** Its `model_type` in transformers. */
  modelType: string;
  config: object;
  /** Which matrices have adapters; all else is frozen then. */
  adapter?: AdapterPlan;
  /** Whether no gradient trains its routers. */
  freezeRouters?: boolean;
  /** Ids that begin, end and fill texts, in the form of the folder. */
  tokenIds?: TokenIds;
}
