import { asUserError } from '@scmoe/errors';
import { describePretrained, gptOptions, type LanguageModelDescription, modelLossOptions } from '@scmoe/models';
import { tableConfig } from '@scmoe/run';

import { adapterOptions } from '../options/fineTuneOptions.js';
import type { Settings } from '../options/Settings.js';

/** The model of `--init` as it is trained: its own configuration, with the dropout and the losses that the settings have. */
export async function trainedModel(settings: Settings): Promise<LanguageModelDescription | undefined> {
  const { init, adapter, freezeRouters = false } = settings;
  if (init === undefined) return undefined;
  const lora = adapterOptions(settings);
  const described = await asUserError(() => describePretrained(init, { lora, adapter, freezeRouters }));
  const { moe, ...config } = described.config as { moe?: object };
  const { dropout, connectivity } = gptOptions;
  const own = { ...config, ...tableConfig({ dropout, connectivity }, settings) };
  const losses = moe && { moe: { ...moe, ...tableConfig(modelLossOptions, settings) } };
  return { ...described, config: { ...own, ...losses } };
}
