import { byteTokenizer } from './byteTokenizer.js';
import { characterTokenizer, charactersOf } from './characterTokenizer.js';
import { gpt2Tokenizer } from './gpt2Tokenizer.js';
import { huggingFaceTokenizer } from './huggingFace/huggingFaceTokenizer.js';
import { readHuggingFaceTokenizer } from './huggingFace/readHuggingFaceTokenizer.js';
import type { TextDocument } from './readCorpus.js';
import type { Tokenizer, TokenizerDescription } from './Tokenizer.js';

/**
 * The tokenizer of a name: `byte`, `character` (its vocabulary is what `documents` hold), `gpt2`, or the path of a
 * Hugging Face `tokenizer.json` or of its folder.
 */
export async function createTokenizer(name: string, documents: readonly TextDocument[]): Promise<Tokenizer> {
  switch (name) {
    case 'byte':
      return byteTokenizer();
    case 'character':
      return characterTokenizer(charactersOf(documents));
    case 'gpt2':
      return gpt2Tokenizer();
    default:
      return readHuggingFaceTokenizer(name);
  }
}

/** The tokenizer that a checkpoint describes. */
export async function restoreTokenizer(description: TokenizerDescription): Promise<Tokenizer> {
  switch (description.kind) {
    case 'byte':
      return byteTokenizer();
    case 'character':
      return characterTokenizer(description.characters);
    case 'gpt2':
      return gpt2Tokenizer();
    case 'huggingface':
      return huggingFaceTokenizer(description.tokenizer, description.config);
  }
}
