import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', '..', 'reference', 'tokenizers');
const textsFile = 'texts.json';

/** What Python's `tokenizers` does with one text. */
export interface TokenizedText {
  text: string;
  /** Ids without a template; undefined where encoding is an error. */
  ids?: number[];
  /** Ids with what the template adds, where it adds something. */
  template?: number[];
  /** Text of the ids without special tokens; an object where decoding is an error. */
  decoded?: string | object;
  /** Text of the library's own stream, where it differs. */
  streamed?: string | object;
}

/** The tokenizers of `tools/reference/tokenizers`, by name, with what the reference does with every text. */
export function referenceTokenizers(): { name: string; tokenizer: object; texts: TokenizedText[] }[] {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const texts = read(textsFile) as string[];
  return readdirSync(folder)
    .filter((file) => file !== textsFile)
    .sort()
    .map((file) => {
      const { tokenizer, expected } = read(file) as { tokenizer: object; expected: Omit<TokenizedText, 'text'>[] };
      return {
        name: file.replace('.json', ''),
        tokenizer,
        texts: expected.map((rest, i) => ({ text: texts[i]!, ...rest })),
      };
    });
}
