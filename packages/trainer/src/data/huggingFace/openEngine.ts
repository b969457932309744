import { expectOneOf, UserError } from '@scmoe/errors';

import { javascriptEngine, openJavascriptTokenizers } from './javascriptEngine.js';
import { longWordsElsewhere } from './longWordsElsewhere.js';
import { nativeEngine } from './nativeEngine.js';
import { NativeTokenizers } from './NativeTokenizers.js';
import type { EngineName, TokenizerEngine } from './TokenizerEngine.js';
import type { TokenizerJson } from './TokenizerJson.js';
import { unlikeReference } from './unlikeReference.js';

/** Variable that says which library reads `tokenizer.json`: `native`, `javascript`, or `auto`. */
export const engineVariable = 'SCMOE_TOKENIZERS';

/** What the variable says; a browser has none. */
export function engineOfEnvironment(): EngineName | 'auto' {
  const value = typeof process === 'undefined' ? undefined : process.env[engineVariable];
  return (value || 'auto') as EngineName | 'auto';
}

/** Makes engines by the native library where it loads, but for very long words, else by the one in JavaScript, for what that does as the reference. */
export async function engineMaker(wanted: EngineName | 'auto'): Promise<(tokenizer: TokenizerJson) => TokenizerEngine> {
  expectOneOf(engineVariable, wanted, ['auto', 'native', 'javascript']);
  const native = wanted === 'javascript' ? `${engineVariable}=javascript` : NativeTokenizers.open();
  if (wanted === 'native') {
    if (typeof native !== 'string') return (tokenizer) => nativeEngine(native, tokenizer);
    throw new UserError(`The native tokenizers can't be used: ${native}.`);
  }
  const library = await openJavascriptTokenizers();
  if (typeof native !== 'string') {
    return (tokenizer) =>
      longWordsElsewhere(nativeEngine(native, tokenizer), () =>
        unlikeReference(tokenizer) === undefined ? javascriptEngine(library, tokenizer) : undefined,
      );
  }
  return (tokenizer) => {
    const difference = unlikeReference(tokenizer);
    if (difference === undefined) return javascriptEngine(library, tokenizer);
    throw new UserError(
      `Can't use tokenizer.json: ${difference} is not read by the tokenizer in JavaScript as by the reference. ` +
        `Expected the native one (npm install tokenizers@0.23.2), which is missing here: ${native}.`,
    );
  };
}
