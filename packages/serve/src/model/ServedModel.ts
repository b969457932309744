import type { Gpt, LongcatFlash } from '@scmoe/models';
import type { Tokenizer } from '@scmoe/trainer';

import type { ChatTemplate } from '../chat/ChatTemplate.js';

/** A language model with all that it takes to answer in text. */
export interface ServedModel {
  /** Name under which clients ask for it. */
  name: string;
  model: Gpt | LongcatFlash;
  tokenizer: Tokenizer;
  /** Tokens that end a text. */
  endTokens: readonly number[];
  /** Whether the tokens that the tokenizer puts around a text belong around a prompt. */
  addSpecialTokens: boolean;
  /** Makes a prompt of messages; undefined where the folder has none: then there is no chat. */
  chatTemplate?: ChatTemplate;
}
