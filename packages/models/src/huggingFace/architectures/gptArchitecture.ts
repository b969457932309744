import { expectThat } from '@scmoe/errors';

import { Gpt } from '../../gpt/Gpt.js';
import { resolveGpt, type GptConfig, type ResolvedGpt } from '../../gpt/GptConfig.js';
import { gptSpecs } from '../../gpt/gptSpecs.js';
import type { Architecture } from '../Architecture.js';
import type { JsonObject } from '../folder/openFolder.js';
import type { TiedNames } from '../layouts/tiedHead.js';
import type { TensorRule } from '../tensors/TensorRule.js';
import { layerRules } from './layerRules.js';

/** What a family of language models has of its own. */
export interface GptFamily extends Pick<
  Architecture<GptConfig, Gpt>,
  'modelType' | 'className' | 'readConfig' | 'prefix' | 'isUnused' | 'published' | 'moduleName'
> {
  writeConfig(config: ResolvedGpt): JsonObject;
  /** Names of embedding and head. */
  tied: TiedNames;
  /** `block{layer}` begins the names of a layer. */
  rules: readonly TensorRule[] | ((config: GptConfig) => readonly TensorRule[]);
}

/** No public format has a router before the first block. @throws ArgumentError where there is one */
function routedInLayers(config: ResolvedGpt): ResolvedGpt {
  expectThat(!config.routerAhead, 'routerAhead', 'false, as in every public format', true);
  return config;
}

/** A family whose models are `Gpt`s. */
export function gptArchitecture(family: GptFamily): Architecture<GptConfig, Gpt> {
  return {
    ...family,
    model: Gpt,
    writeConfig: (config) => family.writeConfig(routedInLayers(resolveGpt(config))),
    specs: (config, options) => gptSpecs(resolveGpt(config), options),
    rules: (config) => layerRules(typeof family.rules === 'function' ? family.rules(config) : family.rules, config),
    tie: {
      names: family.tied,
      isTied: ({ tiedEmbeddings }) => tiedEmbeddings === true,
      untied: (config) => ({ ...config, tiedEmbeddings: false }),
    },
    create: (config, parameters, options) => new Gpt(config, { parameters, ...options }),
  };
}
