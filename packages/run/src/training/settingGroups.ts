import { alarmOptions } from '../options/alarmOptions.js';
import type { OptionGroup } from '../options/OptionGroup.js';
import { trainingOptions } from '../options/trainingOptions.js';
import type { TrainingProgram } from './TrainingProgram.js';

/** All that is set in a run of the program and kept in its checkpoints; `--precision`, a runtime option, besides. */
export function settingGroups({
  settings,
  samples,
  defaults,
}: Pick<TrainingProgram, 'settings' | 'samples' | 'defaults'>): OptionGroup[] {
  return [...settings, trainingOptions(samples.name, defaults), alarmOptions()];
}
