import { randomUUID } from 'node:crypto';

import type { EndReason, GeneratedToken } from '@scmoe/models';

import type { TokenForms } from './tokenForms.js';

/** Tokens of prompt and answer, as the API counts them. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** A text that is complete. */
export interface FinishedChoice {
  text: string;
  tokens: readonly GeneratedToken[];
  reason: EndReason;
}

/** What a piece of a text brings. */
export interface ChoicePiece {
  index: number;
  text: string;
  /** Its token, where log probabilities are asked for. */
  tokens?: readonly GeneratedToken[];
  /** Characters of the text before it. */
  offset: number;
}

/** How one endpoint says what was generated: whole, or in chunks. */
export interface AnswerForm {
  whole(choices: readonly FinishedChoice[], usage: Usage): object;
  /** What comes before the first piece of each text; none for completions. */
  first(index: number): object | undefined;
  piece(piece: ChoicePiece): object;
  last(index: number, reason: EndReason): object;
  usage(usage: Usage): object;
}

/** What both forms are told. */
export interface AnswerFormOptions {
  model: string;
  forms: TokenForms;
  /** Log probabilities are asked for. */
  withLogprobs: boolean;
  /** Chunks say that usage comes in one of its own. */
  includeUsage: boolean;
}

/** `stop` or `length`: why a text ended, in the words of the API. */
export function finishReason(reason: EndReason): 'stop' | 'length' {
  return reason === 'stopToken' || reason === 'stopText' ? 'stop' : 'length';
}

/** What all answers to one request have in common. */
export function answerHead(prefix: string, model: string): { id: string; created: number; model: string } {
  return { id: `${prefix}-${randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1000), model };
}
