import { adapterTargets, type AdapterOptions, type AdapterTarget } from '@scmoe/models';
import { absolutePath, type OptionGroup, optionsOf, realNumber, wholeNumber } from '@scmoe/run';
import { InvalidArgumentError } from 'commander';

/** Which model a run starts from, and what of it is trained. */
export interface FineTuneSettings {
  init?: string;
  adapter?: string;
  loraRank?: number;
  loraAlpha?: number;
  loraDropout?: number;
  loraTargets?: AdapterTarget[];
  loraRslora?: boolean;
  freezeRouters?: boolean;
}

/** The options of `FineTuneSettings`. */
export function fineTuneOptions(): OptionGroup {
  const options = optionsOf([
    [
      '--init <folder>',
      'start from a language model of Hugging Face transformers (config.json, safetensors, tokenizer.json): its sizes, experts and tokenizer; of the options of model, experts and routers only --sequence-length, --dropout and coefficients of losses can be given beside it',
      (o) => o.argParser(absolutePath),
    ],
    [
      '--adapter <folder>',
      'with --init: go on with adapters of PEFT (adapter_config.json, adapter_model.safetensors), all else frozen',
      (o) => o.argParser(absolutePath),
    ],
    [
      '--lora-rank <n>',
      'with --init: train low-rank adapters of this rank, all else frozen',
      (o) => o.argParser(wholeNumber(1)),
    ],
    [
      '--lora-alpha <x>',
      'adapters count alpha / rank (default: the rank)',
      (o) => o.argParser(realNumber(0, { exclusive: true })),
    ],
    [
      '--lora-dropout <x>',
      'share of what adapters read that is dropped in training; those of experts and routers read all (default: 0)',
      (o) => o.argParser(realNumber(0, { maximum: 0.99 })),
    ],
    [
      '--lora-targets <list>',
      `what has adapters, of ${adapterTargets.join(', ')} (default: all but router)`,
      (o) => o.argParser(targets),
    ],
    ['--lora-rslora', 'adapters count alpha / sqrt(rank)'],
    ['--freeze-routers', 'with --init and without adapters: train all but the routers'],
  ]);
  return { title: 'Fine-tuning', options, fixed: 'all', local: ['init', 'adapter'] };
}

/** The adapters that the settings ask for; undefined where they ask for none. */
export function adapterOptions(settings: FineTuneSettings): AdapterOptions | undefined {
  const { loraRank: rank, loraAlpha: alpha, loraDropout: dropout, loraTargets, loraRslora: rslora } = settings;
  return rank === undefined ? undefined : { rank, alpha, dropout, targets: loraTargets, rslora };
}

function targets(text: string): AdapterTarget[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !(adapterTargets as string[]).includes(name));
  if (wrong === undefined) return names as AdapterTarget[];
  throw new InvalidArgumentError(`Expected some of ${adapterTargets.join(', ')}, with commas between.`);
}
