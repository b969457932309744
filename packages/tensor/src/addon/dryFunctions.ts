import { tensorSignatures, type TensorFunctions } from '@scmoe/native/signatures';

/** What says how an addon computes, and finds memory; and what puts weights in order, which stay so. */
const {
  runtime,
  mappedFile,
  transposedWeight: { expandTransposed },
} = tensorSignatures;
const kept = { ...runtime, ...mappedFile, expandTransposed };

type Call = (args: Record<string, unknown>) => unknown;

/**
 * The functions of an addon, of which those that compute do nothing: outputs stay as they are. Of a dispatch plan, whose row
 * counts JavaScript reads, every expert gets as many rows.
 */
export function dryFunctions(addon: TensorFunctions): TensorFunctions {
  const tables = Object.values(tensorSignatures) as Record<string, Record<string, string>>[];
  const signatures = Object.assign({}, ...tables) as Record<string, Record<string, string>>;
  const entries = Object.entries(addon as unknown as Record<string, Call>).map(([name, run]): [string, Call] => {
    if (name in kept) return [name, run];
    // The position of what is wrong, or -1; whether all is finite.
    const result = { number: -1, boolean: true }[signatures[name]?.['=>'] ?? ''];
    return [name, () => result];
  });
  const functions = Object.fromEntries(entries) as unknown as TensorFunctions;
  return { ...functions, dispatchPlan: evenPlan };
}

const evenPlan: TensorFunctions['dispatchPlan'] = ({ tokens, topK, numExperts, capacity, counts }) => {
  const rows = tokens * topK;
  for (let i = 0; i < numExperts; i++) {
    counts[i] = capacity > 0 ? capacity : Math.floor(rows / numExperts) + (i < rows % numExperts ? 1 : 0);
  }
};
