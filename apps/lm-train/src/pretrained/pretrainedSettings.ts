import { asUserError, UserError } from '@scmoe/errors';
import { LanguageModel, readPretrainedConfig } from '@scmoe/models';
import { expertOptions, type OptionGroup } from '@scmoe/run';

import { modelOptions } from '../options/modelOptions.js';
import type { Settings } from '../options/Settings.js';

/** What may be given beside `--init` of the options that make a model: what training alone depends on. */
const free = ['sequenceLength', 'dropout', 'connectivity', 'loadBalance', 'sequenceBalance', 'zLoss', 'importance'];

/** Learning rates that suit a model that was trained already: of all its parameters, and of adapters. */
const rates = { all: 2e-5, adapters: 2e-4 };

/** Tokens of a training sequence, unless the model takes fewer. */
const defaultSequenceLength = 256;

/**
 * Settings of a run that starts from the model in the folder `init`. Its sizes are not among them: they are in the description
 * of the data, with its tokenizer.
 *
 * @throws UserError for a folder that can't be read, and for an option that the model decides
 */
export async function pretrainedSettings(settings: Settings, given: (name: string) => boolean): Promise<Settings> {
  const { init, adapter, loraRank } = settings;
  if (init === undefined) {
    const alone = ['adapter', 'loraRank', 'freezeRouters'].find(given);
    if (alone !== undefined) throw new UserError(`${alone}: expected --init <folder> beside it.`, { exitCode: 2 });
    return settings;
  }
  const hasAdapters = adapter !== undefined || loraRank !== undefined;
  expectTogether(settings, given);
  const decided = [modelOptions(), ...expertOptions()].flatMap(namesOf).filter((name) => !free.includes(name));
  const wrong = decided.find(given);
  if (wrong !== undefined)
    throw new UserError(`${wrong}: expected none beside --init, whose model decides it.`, { exitCode: 2 });
  const config = await asUserError(() => readPretrainedConfig(init, { as: LanguageModel }));
  const { sequenceLength: longest } = config as { sequenceLength: number };
  if (given('sequenceLength') && settings.sequenceLength > longest)
    throw new UserError(`sequenceLength: expected at most ${longest} as in ${init}, got ${settings.sequenceLength}.`, {
      exitCode: 2,
    });
  const left = [...decided, ...free.filter((name) => !given(name))];
  const kept = Object.fromEntries(Object.entries(settings).filter(([name]) => !left.includes(name)));
  const own = {
    sequenceLength: given('sequenceLength') ? settings.sequenceLength : Math.min(longest, defaultSequenceLength),
    ...(!given('tokenizer') && { tokenizer: init }),
    ...(!given('lr') && { lr: hasAdapters ? rates.adapters : rates.all }),
    ...(!given('weightDecay') && { weightDecay: 0 }),
    // The biases that balance routers are what the model was trained with.
    ...(!given('biasUpdateRate') && { biasUpdateRate: 0 }),
  };
  return { ...kept, ...own } as unknown as Settings;
}

/** Checks which options go together. @throws UserError naming one that does not */
function expectTogether({ adapter, loraRank }: Settings, given: (name: string) => boolean): void {
  const fail = (name: string, expected: string) => {
    throw new UserError(`${name}: expected ${expected}.`, { exitCode: 2 });
  };
  const ofRank = ['loraAlpha', 'loraDropout', 'loraTargets', 'loraRslora'].find(given);
  if (ofRank !== undefined && loraRank === undefined) fail(ofRank, '--lora-rank <n> beside it');
  if (adapter !== undefined && loraRank !== undefined)
    fail('adapter', 'none beside --lora-rank, which makes fresh ones');
  if (given('freezeRouters') && (adapter !== undefined || loraRank !== undefined))
    fail('freezeRouters', 'none beside adapters, whose targets say whether routers have some');
}

function namesOf({ options }: OptionGroup): string[] {
  return options.map((option) => option.attributeName());
}
