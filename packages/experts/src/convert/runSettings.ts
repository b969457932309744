import { UserError } from '@scmoe/errors';
import { configOfSettings, flagOf, settingOf, type OptionSpecs } from '@scmoe/gating';
import { gptOptions, moeOptions, resolveGpt, type Gpt, type GptConfig } from '@scmoe/models';
import type { JsonObject } from '@scmoe/trainer';

/**
 * What a run has that trains a public model on, where its own command line says nothing else: what a checkpoint of lm-train has
 * to say, and the defaults that lm-train has.
 */
const ofTraining = {
  ...{ batchSize: 4, optimizer: 'adamw', lr: 2e-3, weightDecay: 0.1, clip: 1, averageDecay: 0, seed: 1 },
  ...{ evalEvery: 100, evalBatches: 10, saveEvery: 200, keep: 2, validationFraction: 0.1 },
} satisfies JsonObject;

/**
 * The settings of a run whose model is `model`, as checkpoints keep them: those of a dense run with another model's, or of a new
 * one.
 *
 * @param given settings of the dense run, if it is one
 * @throws UserError where the model has an option that no setting is for
 */
export function runSettings(model: Gpt, given: JsonObject | undefined): JsonObject {
  const { moe, ...config } = model.config;
  const { placement } = config;
  const old = new Set(
    [...Object.entries(moeOptions), ['placement', gptOptions.placement] as const].map(([name, spec]) =>
      nameOf(name, spec),
    ),
  );
  const kept = Object.entries(given ?? { ...ofTraining, ...settings(gptOptions, config) });
  const all = {
    ...Object.fromEntries(kept.filter(([name]) => !old.has(name))),
    ...settings(moeOptions, moe!),
    ...(placement && { placement }),
  } as JsonObject;
  // What the settings say has to be this model, whatever was left out.
  const again = {
    ...configOfSettings(gptOptions, all),
    vocabSize: config.vocabSize,
    moe: configOfSettings(moeOptions, all),
  } as unknown as GptConfig;
  const [expected, got] = [resolveGpt(model.config), resolveGpt(again)].map((each) => JSON.stringify(each));
  if (expected !== got)
    throw new UserError(
      `format run: expected a model that settings can describe, got one with options that are for public models alone: ` +
        `${unsaid(model.config, again)}. The format transformers has them.`,
      { exitCode: 2 },
    );
  return all;
}

/** What of a configuration has a setting, by its name there. */
function settings(specs: OptionSpecs, config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([name, value]) => {
      const setting = specs[name] && nameOf(name, specs[name]);
      return setting === undefined || value === undefined ? [] : [[setting, value as unknown] as const];
    }),
  );
}

function nameOf(name: string, spec: OptionSpecs[string]): string | undefined {
  const flag = flagOf(name, spec);
  return flag === undefined ? undefined : settingOf(flag);
}

function unsaid(config: GptConfig, again: GptConfig): string {
  const has: Readonly<Record<string, unknown>> = { ...config, ...config.moe };
  const says: Readonly<Record<string, unknown>> = { ...again, ...again.moe };
  const names = Object.keys(has).filter(
    (name) => name !== 'moe' && JSON.stringify(has[name]) !== JSON.stringify(says[name]),
  );
  return names.join(', ');
}
