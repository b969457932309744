// Tokens of several texts behind a context, in ours: `run N` times N of each text, the prompts being known from the run before. With
// --prompts it times prompts instead, a new one each time, up to their first tokens.
import { parseArgs } from 'node:util';

import { loadPretrained } from '@scmoe/models';
import { useBackend, type Precision, type WeightFormat } from '@scmoe/tensor';

import { benchPrompt, serveRuns } from './decodeRuns.js';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    format: { type: 'string', default: 'float32' },
    context: { type: 'string', default: '512' },
    texts: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    prompts: { type: 'boolean', default: false },
    precision: { type: 'string', default: 'float32' },
  },
});
const [context, texts] = [Number(options.context), Number(options.texts)];
await useBackend('scmoe', { threads: Number(options.threads), precision: options.precision as Precision });
const format = options.format === 'float32' ? {} : { weightFormat: options.format as WeightFormat };
const model = await loadPretrained(options.model!, format);
if (!('generationEngine' in model)) throw new Error(`${options.model}: expected a language model`);
const prefixCacheTokens = options.prompts ? 0 : texts * context;
const engine = model.generationEngine({ maxSequences: texts, prefixCacheTokens, chunkTokens: context });

let numPrompts = 0;
await serveRuns(async (steps) => {
  if (options.prompts) {
    const prompt = benchPrompt(context, ++numPrompts);
    const begin = performance.now();
    const tokens: number[] = [];
    for await (const { token } of engine.start(prompt, { maxNewTokens: 1, temperature: 0 })) tokens.push(token);
    return { seconds: (performance.now() - begin) / 1e3, tokens };
  }
  // The first token belongs to the prompt, whose last one is not among those that are kept.
  let [begin, first] = [0, 0];
  const tokens: number[] = [];
  await Promise.all(
    Array.from({ length: texts }, async (_, text) => {
      const prompt = benchPrompt(context + 1, text);
      let seen = 0;
      for await (const { token } of engine.start(prompt, { maxNewTokens: steps + 1, temperature: 0 })) {
        if (seen++ === 0 && ++first === texts) begin = performance.now();
        if (text === 0) tokens.push(token);
      }
    }),
  );
  return { seconds: (performance.now() - begin) / 1e3, tokens };
}, 'scmoe');
