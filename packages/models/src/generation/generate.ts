import { GenerationEngine } from './GenerationEngine.js';
import type { GenerateOptions } from './GenerateOptions.js';
import type { SequencePredictor } from './SequencePredictor.js';

/**
 * Continues one prompt token by token: the prompt in chunks (prefill), then each token alone against the cache. When the
 * sequence is full, the later half of it is read again and goes on from there.
 *
 * @returns the new tokens
 * @throws ArgumentError for an empty prompt, an id outside of the vocabulary, an unknown or impossible option
 */
export async function generate(
  model: SequencePredictor,
  prompt: readonly number[],
  { onToken, ...options }: GenerateOptions,
): Promise<number[]> {
  const engine = new GenerationEngine(model, { maxSequences: 1, beyondSequence: 'slide' });
  const tokens: number[] = [];
  try {
    for await (const { token } of engine.start(prompt, options)) {
      tokens.push(token);
      if (onToken?.(token) === false) break;
    }
  } finally {
    await engine.close();
  }
  return tokens;
}
