import { ArgumentError, ScmoeError } from '@scmoe/errors';

/** A prompt, or what it asks for, that is longer than what the model can look at. */
export class SequenceLengthError extends ArgumentError {
  override readonly name: string = 'SequenceLengthError';

  constructor(
    /** Tokens of the prompt. */
    readonly numPromptTokens: number,
    /** The most tokens that the model can look at. */
    readonly sequenceLength: number,
  ) {
    super(
      `prompt: expected fewer than ${sequenceLength} tokens, the longest sequence of the model, got ${numPromptTokens}`,
    );
  }
}

/** A text that is one too many: as many wait as may wait. */
export class QueueFullError extends ScmoeError {
  override readonly name: string = 'QueueFullError';

  constructor(
    /** The most texts that may wait. */
    readonly maxWaiting: number,
  ) {
    super(`As many texts wait as may: expected fewer than ${maxWaiting}.`);
  }
}
