import type { Tokenizer } from '@scmoe/trainer';

/** A token that stands for no text, and how a template writes it. */
export interface ControlToken {
  id: number;
  content: string;
}

/** Tokens of a tokenizer that a template writes and nobody else may: those that its file calls special. */
export function controlTokens({ description }: Tokenizer): ControlToken[] {
  if (description.kind !== 'huggingface') return [];
  const { added_tokens: added } = description.tokenizer as { added_tokens?: (ControlToken & { special?: boolean })[] };
  return (added ?? []).filter(({ special }) => special === true).map(({ id, content }) => ({ id, content }));
}
