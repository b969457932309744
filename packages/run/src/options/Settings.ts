import { UserError } from '@scmoe/errors';
import type { Checkpoint, JsonObject } from '@scmoe/trainer';
import type { Command } from 'commander';

import type { AlarmSettings } from '../options/alarmOptions.js';
import type { OptionGroup } from '../options/OptionGroup.js';
import type { RuntimeOptions } from '../options/runtimeOptions.js';
import type { LoopSettings } from '../options/trainingOptions.js';

/**
 * All that decides what a run computes: of every program the loop's, and the program's own. Kept in the checkpoints; in
 * `config.json` it can serve as `--config`.
 */
export interface RunSettings extends LoopSettings, AlarmSettings, Pick<RuntimeOptions, 'precision'> {
  /** The kind of the blocks with experts, where the program has that option. */
  kind?: string;
  /** Room of each expert for rows, in even shares, where the program has that option; 0: no limit. */
  capacityFactor?: number;
  /** No option: steps whose data were passed over when the run went back to a checkpoint, see `--on-divergence rewind`. */
  skippedData?: number;
  /** No option: training time that the run has had, where its length is a time. */
  elapsedSeconds?: number;
}

/** The settings that a command line asks for, its config file included. */
export function settingsOf(command: Command, groups: readonly OptionGroup[]): RunSettings {
  return pick(command.opts(), groups) as unknown as RunSettings;
}

/**
 * Settings of a run that goes on: those of its checkpoint, then what this command line or its config file says.
 *
 * @throws UserError when an option is given that would make it another run.
 */
export function resumedSettings(
  command: Command,
  groups: readonly OptionGroup[],
  { path, index }: Checkpoint,
): RunSettings {
  const fixed = new Set(groups.flatMap((group) => (group.fixed === 'all' ? namesOf(group) : (group.fixed ?? []))));
  const settings: Record<string, unknown> = { ...index.config };
  for (const [name, value] of Object.entries(pick(command.opts(), groups))) {
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
  return settings as unknown as RunSettings;
}

/** Settings as checkpoints and `config.json` keep them. */
export function settingsToJson(settings: RunSettings, groups: readonly OptionGroup[]): JsonObject {
  return pick(settings, groups) as JsonObject;
}

function namesOf({ options }: OptionGroup): string[] {
  return options.map((option) => option.attributeName());
}

function pick(values: object, groups: readonly OptionGroup[]): Record<string, unknown> {
  const names = new Set([...groups.flatMap(namesOf), 'precision', 'skippedData', 'elapsedSeconds']);
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => names.has(name) && value !== undefined));
}
