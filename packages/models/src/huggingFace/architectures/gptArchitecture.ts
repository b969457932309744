import { Gpt } from '../../gpt/Gpt.js';
import { resolveGpt, type GptConfig, type ResolvedGpt } from '../../gpt/GptConfig.js';
import { gptSpecs } from '../../gpt/gptSpecs.js';
import { layerName } from '../../gpt/layerName.js';
import type { Architecture } from '../Architecture.js';
import type { JsonObject } from '../folder/openFolder.js';
import type { TensorRule } from '../tensors/TensorRule.js';

/** What a family of language models has of its own. */
export interface GptFamily extends Pick<
  Architecture<GptConfig, Gpt>,
  'modelType' | 'className' | 'readConfig' | 'prefix' | 'isUnused'
> {
  writeConfig(config: ResolvedGpt): JsonObject;
  /** `block{layer}` begins the names of a layer. */
  rules: readonly TensorRule[];
}

/** A family whose models are `Gpt`s. */
export function gptArchitecture(family: GptFamily): Architecture<GptConfig, Gpt> {
  return {
    ...family,
    writeConfig: (config) => family.writeConfig(resolveGpt(config)),
    specs: (config, options) => gptSpecs(resolveGpt(config), options),
    rules: (config) => inPlaces(family.rules, config),
    create: (config, parameters, { experts }) => new Gpt(config, { parameters, experts }),
  };
}

/** The rules of each layer, with the names that it has in a model of this placement. */
function inPlaces(rules: readonly TensorRule[], { numLayers, placement }: GptConfig): TensorRule[] {
  return rules.flatMap((rule) => {
    if (!rule.theirs.includes('{layer}')) return [rule];
    const parts = [rule.ours].flat().map((name) => name.replace(/^block\{layer\}\./, ''));
    const layers = Array.from({ length: numLayers }, (_, layer) => layer);
    return layers.flatMap((layer) => {
      const ours = parts.map((part) => layerName(layer, part, placement)).filter((name) => name !== undefined);
      return ours.length === 0 ? [] : [{ ...rule, ours, theirs: rule.theirs.replace('{layer}', String(layer)) }];
    });
  });
}
