import { expectThat } from '@scmoe/errors';

import type { GptConfig, ResolvedGpt } from '../../gpt/GptConfig.js';
import type { ConfigReader } from '../config/ConfigReader.js';
import { Float } from '../config/Float.js';
import type { JsonObject, PretrainedFolder } from '../folder/openFolder.js';
import { splitExperts } from '../layouts/splitExperts.js';
import { transposed, type TensorRule } from '../tensors/TensorRule.js';
import { sparseLayers } from './requirements.js';

/** Router and experts, one tensor for each expert and projection, as most families have them. */
export const expertRules: readonly TensorRule[] = [
  transposed('block{layer}.router.weight', 'model.layers.{layer}.mlp.gate.weight'),
  ...(['gate', 'up', 'down'] as const).map((name) =>
    transposed(`block{layer}.experts.${name}`, `model.layers.{layer}.mlp.experts.{expert}.${name}_proj.weight`),
  ),
];

/** The layout of those rules, where a folder has the experts fused. */
export function published(folder: PretrainedFolder): PretrainedFolder {
  return splitExperts(folder, { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' });
}

/** The load-balance loss as transformers has it, of all layers together. */
export function readBalance(
  config: ConfigReader,
  fallback = 0.001,
  balance: 'allLayers' | 'allLayersByLogits' = 'allLayers',
) {
  return { balance, loadBalanceCoefficient: config.number('router_aux_loss_coef', fallback) } as const;
}

export function writeBalance({ routerLosses }: ResolvedGpt): JsonObject {
  return {
    output_router_logits: false,
    router_aux_loss_coef: new Float(routerLosses.loadBalanceCoefficient),
  };
}

/** Layers with experts where every `decoder_sparse_step`th has them but those of `mlp_only_layers`. */
export function readSparseSteps(config: ConfigReader, { numLayers }: Pick<GptConfig, 'numLayers'>): number[] {
  const step = config.integer('decoder_sparse_step', 1);
  const dense = config.integers('mlp_only_layers', []);
  return layersWhere(numLayers, (layer) => !dense.includes(layer) && (layer + 1) % step === 0);
}

export function writeSparseSteps(config: ResolvedGpt): JsonObject {
  const sparse = sparseLayers(config);
  return { decoder_sparse_step: 1, mlp_only_layers: layersWhere(config.numLayers, (layer) => !sparse.includes(layer)) };
}

/** The number of dense layers, which are the first ones. @throws ArgumentError where others are dense as well */
export function firstDense(config: ResolvedGpt): number {
  const sparse = sparseLayers(config);
  const first = config.numLayers - sparse.length;
  expectThat(sparse[0] === first || sparse.length === 0, 'moe.blocks', `all from block ${first} on`, sparse);
  return first;
}

/** The layers, counted from 0, of which something holds. */
export function layersWhere(numLayers: number, holds: (layer: number) => boolean): number[] {
  return Array.from({ length: numLayers }, (_, layer) => layer).filter(holds);
}
