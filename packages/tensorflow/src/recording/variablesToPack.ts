import type { DataType } from '../binding/dataTypes.js';
import { CallModule } from './CallModule.js';
import type { RecordedNode, Recording } from './Recording.js';

/** What decides whether a variable lies with others. */
export interface PackableVariable {
  readonly dtype: string;
  readonly size: number;
  readonly trainable: boolean;
}

/** Larger variables stay alone: copying a pack, when the program has assigned one of its variables, shall cost little. */
export const mostPackedElements = 2 ** 16;

/**
 * The variables of a step that shall lie together, by their numbers: small ones of float32 in a step that calls kernels of ours, which
 * take them where they lie. All that is trained, and what a kernel writes over, such as the moments of AdamW: not what a
 * program is likely to assign between steps, for which the whole pack is copied.
 */
export function variablesToPack(recording: Recording, variables: readonly PackableVariable[]): number[] {
  const calls = recording.nodes.filter((node) => moduleOf(node) !== undefined);
  if (calls.length === 0) return [];
  const overwritten = new Set(
    calls.flatMap((node) => {
      const values = node.inputs.flat();
      return moduleOf(node)!.call.overwrites?.map((place) => values[place]!) ?? [];
    }),
  );
  const indices = recording.inputs.flatMap(({ source, index, value, dtype }) => {
    if (source !== 'variable') return [];
    const { size, trainable } = variables[index]!;
    const isSmall = dtype === ('float32' satisfies DataType) && size > 0 && size <= mostPackedElements;
    return isSmall && (trainable || overwritten.has(value)) ? [index] : [];
  });
  return indices.sort((a, b) => a - b);
}

function moduleOf({ attributes }: RecordedNode): CallModule | undefined {
  const module = attributes['module'];
  return module instanceof CallModule ? module : undefined;
}
