import { UserError } from '@scmoe/errors';
import type { Checkpoint } from '@scmoe/trainer';

import type { TrainingProgram } from '../training/TrainingProgram.js';
import { parseValue } from './configFile.js';
import type { OptionGroup } from './OptionGroup.js';

/** What every run has: without them a loop would compute with nothing. */
const needed = ['batchSize', 'lr', 'weightDecay', 'clip', 'seed', 'evalEvery', 'evalBatches', 'saveEvery', 'keep'];

/**
 * Makes sure that the settings in a checkpoint are what their options take, whoever has written it: they decide what is
 * allocated. Settings that no option knows are not looked at, for nothing reads them.
 *
 * @throws UserError naming the checkpoint and the setting
 */
export function checkStored(
  { path, index: { config } }: Checkpoint,
  groups: readonly OptionGroup[],
  { name: program, ownSetting }: Pick<TrainingProgram, 'name' | 'ownSetting'>,
): void {
  if (ownSetting !== undefined && !Object.hasOwn(config, ownSetting))
    throw new UserError(
      `${path}: expected a checkpoint of ${program}, got one of another program, without ${ownSetting}.`,
    );
  const where = `${path}: checkpoint.json: config`;
  for (const name of needed) {
    if (!Object.hasOwn(config, name)) throw new UserError(`${where}: ${name}: expected a number, got nothing.`);
  }
  const { skippedData = 0 } = config;
  if (!Number.isSafeInteger(skippedData) || (skippedData as number) < 0) {
    throw new UserError(`${where}: skippedData: expected a whole number, got ${JSON.stringify(skippedData)}.`);
  }
  const { elapsedSeconds = 0 } = config;
  if (typeof elapsedSeconds !== 'number' || !(elapsedSeconds >= 0)) {
    throw new UserError(`${where}: elapsedSeconds: expected a number >= 0, got ${JSON.stringify(elapsedSeconds)}.`);
  }
  for (const option of groups.flatMap(({ options }) => options)) {
    const name = option.attributeName();
    if (!Object.hasOwn(config, name)) continue;
    const value = config[name];
    // A list is an option that takes its items with commas between.
    const parsed = parseValue(
      where,
      option,
      Array.isArray(value)
        ? value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join()
        : value,
    );
    // A path may have been relative once.
    const isText = typeof parsed === 'string' && typeof value === 'string';
    if (isText || JSON.stringify(parsed) === JSON.stringify(value)) continue;
    throw new UserError(`${where}: ${name}: expected ${JSON.stringify(parsed)}, got ${JSON.stringify(value)}.`);
  }
}
