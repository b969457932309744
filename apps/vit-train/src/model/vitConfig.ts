import { type VitConfig, vitOptions } from '@scmoe/models';
import { moeConfig, tableConfig } from '@scmoe/run';

import type { Settings } from '../options/Settings.js';

/** The model's configuration from the settings; what is not given is the model's own default. */
export function vitConfig(settings: Settings, classNames: readonly string[]): VitConfig {
  const { moeBlocks: blocks } = settings;
  return {
    ...(tableConfig(vitOptions, settings) as unknown as VitConfig),
    numChannels: 3,
    numClasses: classNames.length,
    classNames,
    moe: { ...moeConfig(settings), ...(blocks && { blocks }) },
  };
}
