import { expectPositiveInteger, expectThat } from '@scmoe/errors';

/** How much work a layer does, and how it is spread, when it says what it costs. */
export interface CostOptions {
  /** Tokens of one pass on one rank. */
  tokens: number;
  /** Tokens that attend to each other: `tokens` are so many sequences. One sequence by default. */
  sequenceLength?: number;
  /** Ranks that share the experts out. */
  worldSize?: number;
  /** Bytes of a number of parameters and activations; 4 by default (float32). Slots and counts have 4 always. */
  bytesPerElement?: number;
  /**
   * Bytes of a number in rows on their way to other ranks; bytesPerElement by default, 2 where a dispatcher sends bf16.
   */
  bytesPerElementSent?: number;
  /**
   * Whether every operator is one kernel, which reads its operands and writes its results once and keeps what is between;
   * false by default: what our kernels read and write.
   */
  fused?: boolean;
  /** Whether attention counts what a causal mask hides; true by default, as PaLM does (arXiv 2204.02311, appendix B). */
  countMasked?: boolean;
}

export type ResolvedCostOptions = Required<CostOptions>;

/**
 * Fills in what is left out; a number is that many tokens.
 *
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export function resolveCostOptions(options: number | CostOptions): ResolvedCostOptions {
  const given = typeof options === 'number' ? { tokens: options } : options;
  const { tokens, sequenceLength = tokens, worldSize = 1, bytesPerElement = 4 } = given;
  const { bytesPerElementSent = bytesPerElement, fused = false, countMasked = true } = given;
  for (const [name, value] of Object.entries({ tokens, sequenceLength, worldSize })) expectPositiveInteger(name, value);
  expectThat(tokens % sequenceLength === 0, 'tokens', `whole sequences of ${sequenceLength}`, tokens);
  for (const [name, value] of Object.entries({ bytesPerElement, bytesPerElementSent })) {
    expectThat(value > 0, name, 'a number > 0', value);
  }
  return { tokens, sequenceLength, worldSize, bytesPerElement, bytesPerElementSent, fused, countMasked };
}
