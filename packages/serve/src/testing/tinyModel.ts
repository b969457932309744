import { Gpt } from '@scmoe/models';
import type { Tokenizer } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { ChatTemplate } from '../chat/ChatTemplate.js';
import type { ServedModel } from '../model/ServedModel.js';

/** Letters, digits and marks, of which every token is whole text. */
const characters = [...' abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?<>|-_\n'];

/** A tokenizer of characters whose last token ends a text. */
export function letterTokenizer(): Tokenizer {
  const ids = new Map(characters.map((character, id) => [character, id]));
  return {
    description: { kind: 'character', characters: characters.join('') },
    vocabSize: characters.length + 1,
    endOfText: characters.length,
    encode: (bytes) => [...Buffer.from(bytes).toString()].map((character) => ids.get(character) ?? 0),
    decode: (tokens) => tokens.map((token) => characters[token] ?? '').join(''),
  };
}

/** Messages one below the other, then whose turn it is. */
export const plainTemplate =
  "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";

/** A model with weights far from zero, so that every token has an opinion on the next. */
export function tinyModel({ sequenceLength = 128, name = 'tiny' } = {}): ServedModel {
  const tokenizer = letterTokenizer();
  const model = new Gpt(
    {
      vocabSize: tokenizer.vocabSize,
      numLayers: 2,
      dModel: 32,
      numHeads: 2,
      sequenceLength,
      positionEncoding: 'rotary',
      moe: { kind: 'scmoe', numExperts: 4 },
    },
    { seed: 7 },
  );
  tf.tidy(() => Object.values(model.variables).forEach((variable) => variable.assign(tf.mul(variable, 6))));
  const chatTemplate = new ChatTemplate(plainTemplate, tokenizer);
  return { name, model, tokenizer, endTokens: [tokenizer.endOfText!], addSpecialTokens: false, chatTemplate };
}
