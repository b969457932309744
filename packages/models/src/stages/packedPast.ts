import { PackedSequences } from '@scmoe/layer';

import type { KeyValueCache, RecurrentCache } from '@scmoe/tensor';

import type { SequencePart } from '../generation/SequencePredictor.js';
import type { PackedStage } from './runStage.js';

/** What the attentions of each stage know of the sequences that a pass continues together. */
export function packedPast(parts: readonly Pick<SequencePart, 'ids' | 'cache'>[]): PackedStage[] {
  const stages = parts[0]?.cache.stages ?? [];
  return stages.map((attentions, stage) => {
    const packed = Object.keys(attentions).map((name) => {
      // Looked up when it is asked for: a captured step is made again with other caches in the same parts.
      const own = parts.map((part) => ({
        get cache() {
          return part.cache.stages[stage]![name]!;
        },
        count: part.ids.length,
      }));
      return [name, new PackedSequences<KeyValueCache | RecurrentCache>(own)] as const;
    });
    return Object.fromEntries(packed) as unknown as PackedStage;
  });
}
