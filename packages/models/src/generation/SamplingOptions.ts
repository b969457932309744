import { ArgumentError } from '@scmoe/errors';

/**
 * How the next token is drawn from the scores: penalties and biases first, then the temperature, then topK, topP, minP and
 * typicalP in this order, each on what the one before has left (the order of Hugging Face transformers 5).
 */
export interface SamplingOptions {
  /** Divides the scores: below 1 bolder, above 1 wilder; 0 takes the most likely token. Default: 1. */
  temperature?: number;
  /** Choose among the most likely tokens only: this many of them. */
  topK?: number;
  /** Choose among the most likely tokens only: as few as make up this probability (nucleus sampling, arXiv 1904.09751). */
  topP?: number;
  /** Choose among tokens only that are at least this share as likely as the most likely one (arXiv 2407.01082). */
  minP?: number;
  /**
   * Choose among the most typical tokens only, whose surprise is nearest to the one to expect: as few as make up this
   * probability (arXiv 2202.00666).
   */
  typicalP?: number;
  /** Divides the score of each token of prompt and text, or multiplies it where it is negative (arXiv 1909.05858). */
  repetitionPenalty?: number;
  /** Taken from the score of a token for each time that it stands in the text so far, the prompt apart. */
  frequencyPenalty?: number;
  /** Taken from the score of each token that stands in the text so far, the prompt apart. */
  presencePenalty?: number;
  /** Numbers that are added to the scores of single tokens, by their ids; -Infinity forbids one. */
  logitBias?: Readonly<Record<number, number>>;
}

/**
 * Checks options of sampling.
 *
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function checkSampling(options: SamplingOptions): void {
  const { temperature, topK, topP, minP, typicalP, repetitionPenalty, frequencyPenalty, presencePenalty } = options;
  const check = (what: string, value: number | undefined, expected: string, holds: (value: number) => boolean) => {
    if (value !== undefined && !holds(value)) {
      throw new ArgumentError(`${what}: expected ${expected}, got ${String(value)}`);
    }
  };
  const isShare = (value: number) => value > 0 && value <= 1;
  check('temperature', temperature, 'a number >= 0', (value) => Number.isFinite(value) && value >= 0);
  check('topK', topK, 'a positive integer', (value) => Number.isInteger(value) && value > 0);
  check('topP', topP, 'a probability in (0, 1]', isShare);
  check('minP', minP, 'a share in [0, 1]', (value) => value >= 0 && value <= 1);
  check('typicalP', typicalP, 'a probability in (0, 1]', isShare);
  check('repetitionPenalty', repetitionPenalty, 'a number > 0', (value) => Number.isFinite(value) && value > 0);
  check('frequencyPenalty', frequencyPenalty, 'a number', Number.isFinite);
  check('presencePenalty', presencePenalty, 'a number', Number.isFinite);
  for (const [id, bias] of Object.entries(options.logitBias ?? {})) {
    check(`logitBias[${id}]`, bias, 'a number, or -Infinity', (value) => value < Infinity);
  }
}
