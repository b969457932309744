import { UserError } from '@scmoe/errors';
import { type Checkpoint, type JsonObject } from '@scmoe/trainer';
import type { Command } from 'commander';

import { type ModelOptions, modelOptionNames } from '../options/modelOptions.js';
import type { RuntimeOptions } from '../options/runtimeOptions.js';
import { type TrainingOptions, trainingOptionNames } from '../options/trainingOptions.js';

/** All that decides what a run computes. Kept in its checkpoints; in `config.json` it can serve as `--config`. */
export type Settings = ModelOptions & TrainingOptions & Pick<RuntimeOptions, 'precision'>;

const names = [...modelOptionNames, ...trainingOptionNames, 'precision'];

/** What a resumed run can't change: it would be another run. */
const fixed = new Set([...modelOptionNames, 'tokenizer', 'validationFraction', 'batchSize', 'accumulate', 'seed']);

export function settingsOf(command: Command): Settings {
  return pick(command.opts()) as unknown as Settings;
}

/**
 * Settings of a run that goes on: those of its checkpoint, then what this command line or its config file says.
 *
 * @throws UserError when an option is given that would make it another run.
 */
export function resumedSettings(command: Command, { path, index }: Checkpoint): Settings {
  const settings: Record<string, unknown> = { ...index.config };
  for (const [name, value] of Object.entries(pick(command.opts()))) {
    const source = command.getOptionValueSource(name);
    if (source === 'default' || settings[name] === value) continue;
    if (fixed.has(name)) {
      throw new UserError(
        `${name} can't change when a run is resumed: expected ${JSON.stringify(settings[name] ?? null)} as in ${path}, got ${JSON.stringify(value)}.`,
        { exitCode: 2 },
      );
    }
    settings[name] = value;
  }
  return settings as unknown as Settings;
}

export function toJson(settings: Settings): JsonObject {
  return pick(settings) as JsonObject;
}

function pick(values: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}
