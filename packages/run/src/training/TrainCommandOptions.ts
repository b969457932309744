import type { MemoryOptions } from '../options/memoryOptions.js';
import type { OverlapOptions } from '../options/overlapOptions.js';
import type { RankOptions } from '../options/rankOptions.js';
import type { RuntimeOptions } from '../options/runtimeOptions.js';

/** The options of every `train` command that are no settings. */
export interface TrainCommandOptions extends RuntimeOptions, RankOptions, OverlapOptions, MemoryOptions {
  name: string;
  resume?: string | true;
  allowNewData?: boolean;
  fallback?: boolean;
  progress: boolean;
  compile: boolean;
}
