import { bytePairMerge, PairTable } from './bytePairMerge.js';
import { textOf } from './textOf.js';
import type { Tokenizer } from './Tokenizer.js';

const endOfText = 50256;
const endOfTextName = '<|endoftext|>';
/** GPT-2's own pattern: contractions, words, numbers and the rest, each with the space before it. JavaScript's \s differs. */
const words =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const utf8 = new TextEncoder();

/** GPT-2's byte-pair encoding (r50k): 50,257 tokens, the last of them the end of a document. */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  // Loaded on demand: the table takes a quarter of a second, which byte-level runs need not pay.
  const { default: table } = await import('gpt-tokenizer/bpeRanks/r50k_base');
  const tokens = table.map((token) => (typeof token === 'string' ? utf8.encode(token) : Uint8Array.from(token)));
  const names = tokens.map(nameOf);
  const ranks = new Map(names.map((name, id) => [name, id]));
  const pairs = PairTable.ofNames(names);
  const byteIds = Array.from({ length: 256 }, (_, byte) => ranks.get(String.fromCharCode(byte))!);

  const encodeText = (text: string, ids: number[]) => {
    for (const [word] of text.matchAll(words)) {
      const bytes = utf8.encode(word);
      // Of a word in ASCII, which most are, the letters are the bytes.
      const id = ranks.get(bytes.length === word.length ? word : nameOf(bytes));
      if (id !== undefined) ids.push(id);
      // A spread of a million ids is too much for the stack.
      else
        for (const part of bytePairMerge(
          Int32Array.from(bytes, (byte) => byteIds[byte]!),
          pairs,
        ))
          ids.push(part);
    }
  };
  return {
    description: { kind: 'gpt2' },
    vocabSize: endOfText + 1,
    endOfText,
    encode: (bytes, { allowSpecial = false } = {}) => {
      const ids: number[] = [];
      const texts = allowSpecial ? textOf(bytes).split(endOfTextName) : [textOf(bytes)];
      texts.forEach((text, i) => {
        if (i > 0) ids.push(endOfText);
        encodeText(text, ids);
      });
      return ids;
    },
    decode: (ids) => textOf(joined(ids.flatMap((id) => tokens[id] ?? []))),
  };
}

/** Bytes as characters of code 0 to 255, to be found in a map. */
function nameOf(bytes: Uint8Array): string {
  let name = '';
  for (const byte of bytes) name += String.fromCharCode(byte);
  return name;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
