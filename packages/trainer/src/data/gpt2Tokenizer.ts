import type { Tokenizer } from './Tokenizer.js';

const endOfText = 50256;
/** No string of a training text is a command to the tokenizer. */
const asText = { disallowedSpecial: new Set<string>() };

/** GPT-2's byte-pair encoding (r50k): 50,257 tokens, the last of them the end of a document. */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  // Loaded on demand: the merge table takes a quarter of a second, which byte-level runs need not pay.
  const bpe = await import('gpt-tokenizer/encoding/r50k_base');
  return {
    description: { kind: 'gpt2' },
    vocabSize: endOfText + 1,
    endOfText,
    encode: (bytes) => bpe.encode(new TextDecoder().decode(bytes), asText),
    decode: (ids) => bpe.decode(ids.filter((id) => id !== endOfText)),
  };
}
