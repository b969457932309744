import type { Stretch } from './cutRecording.js';
import type { Recording, ValueId } from './Recording.js';

/**
 * The values that each stretch of a step is the last to use, as far as they are handed on between stretches. Results of the step are
 * used by none: they are its caller's.
 */
export function lastUses(stretches: readonly Stretch[], { calls, results }: Recording): ValueId[][] {
  const last = new Map<ValueId, number>();
  for (const [i, stretch] of stretches.entries()) {
    const uses =
      stretch.kind === 'call'
        ? [...calls[stretch.index]!.inputs, ...calls[stretch.index]!.outputs.map(({ value }) => value)]
        : [
            ...stretch.recording.results,
            ...stretch.recording.inputs.flatMap(({ source, value }) => (source === 'earlier' ? [value] : [])),
          ];
    for (const value of uses) last.set(value, i);
  }
  for (const value of results) last.delete(value);
  return stretches.map((_, i) => [...last].flatMap(([value, at]) => (at === i ? [value] : [])));
}
