import { layerName } from '../../stages/layerName.js';
import type { Placement } from '../../stages/resolveStages.js';
import type { TensorRule } from '../tensors/TensorRule.js';

/** Rules whose names begin with `block{layer}`, for each layer, with the names that it has in a model of this placement. */
export function layerRules(
  rules: readonly TensorRule[],
  { numLayers, placement }: { numLayers: number; placement?: Placement },
): TensorRule[] {
  return rules.flatMap((rule) => {
    if (!rule.theirs.includes('{layer}')) return [rule];
    const parts = [rule.ours].flat().map((name) => name.replace(/^block\{layer\}\./, ''));
    const all = Array.from({ length: numLayers }, (_, layer) => layer);
    const layers = rule.layers ? all.filter((layer) => rule.layers!.includes(layer)) : all;
    return layers.flatMap((layer) => {
      const ours = parts.map((part) => layerName(layer, part, placement)).filter((name) => name !== undefined);
      return ours.length === 0 ? [] : [{ ...rule, ours, theirs: rule.theirs.replace('{layer}', String(layer)) }];
    });
  });
}
