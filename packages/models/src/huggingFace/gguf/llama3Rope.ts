import type { JsonObject } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';

/** What was published with scaled angles of this kind: LLaMA 3.1 to 3.3. */
const published = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/**
 * The settings of LLaMA 3's scaled angles behind a tensor `rope_freqs.weight` (R/2), which has what each pair's angle is
 * divided by and says nothing else of them.
 *
 * @param config with the unscaled rotation
 * @throws PretrainedError where the tensor is not that of the settings that were published
 */
export function llama3Rope(path: string, { rope_parameters: rope }: JsonObject, divisors: Float32Array): JsonObject {
  const given = rope as { rope_theta: number };
  const factor = divisors.reduce((most, each) => Math.max(most, each), 1);
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length } = published;
  divisors.forEach((divisor, pair) => {
    const frequency = given.rope_theta ** (-pair / divisors.length);
    const turns = (length * frequency) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    const expected = 1 / (kept + (1 - kept) / factor);
    if (Math.abs(divisor - expected) > 1e-4 * expected)
      throw new PretrainedError(
        `${path}: rope_freqs.weight: expected the angles of LLaMA 3.1, ${expected} for pair ${pair}, got ${divisor}`,
      );
  });
  return { ...given, rope_type: 'llama3', factor, ...published };
}
