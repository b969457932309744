import { UserError } from '@scmoe/errors';

import { NativeTokenizers } from './NativeTokenizers.js';
import type { TokenizerEngine } from './TokenizerEngine.js';
import type { PartJson, TokenizerJson } from './TokenizerJson.js';

const handles = new FinalizationRegistry<() => void>((free) => free());

/**
 * A tokenizer in the reference implementation, the native `tokenizers`.
 *
 * @throws Error with the library's words where it refuses the content; UserError where it would end the process.
 */
export function nativeEngine(library: NativeTokenizers, tokenizer: TokenizerJson): TokenizerEngine {
  expectNoAbort(tokenizer.decoder);
  const { handle, maxId } = library.create(JSON.stringify(tokenizer));
  const engine: TokenizerEngine = {
    name: 'native',
    maxId,
    idOf: (token) => library.idOf(handle, token),
    encode: (text, addSpecialTokens) => library.encode(handle, text, addSpecialTokens),
    decode: (ids) => library.decode(handle, ids),
  };
  handles.register(engine, () => library.free(handle));
  return engine;
}

/** Refuses what decodes at its own risk: tokenizers 0.23.2 may end the process with a `Strip` that has a stop, and no error is there to catch. */
function expectNoAbort(decoder: PartJson | null | undefined): void {
  if (!decoder) return;
  if (Array.isArray(decoder['decoders'])) for (const part of decoder['decoders'] as PartJson[]) expectNoAbort(part);
  if (decoder.type === 'Strip' && decoder['stop'] !== 0) {
    throw new UserError(
      `Can't use tokenizer.json: decoder "Strip" with stop ${String(decoder['stop'])} may end the process in tokenizers 0.23.2. Expected stop 0.`,
    );
  }
}
