// As decodeTokens.ts, in node-llama-cpp, which is no dependency of ours: --llama is a folder where it is installed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { benchPrompt, serveRuns } from './decodeRuns.js';

/** What is needed of its API. */
interface LlamaSequence {
  readonly nextTokenIndex: number;
  evaluate(tokens: readonly number[], options: object): AsyncIterable<number>;
  eraseContextTokenRanges(ranges: readonly { start: number; end: number }[]): Promise<void>;
}
interface LlamaModule {
  getLlama: (options: object) => Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{ getSequence(): LlamaSequence }>;
    }>;
  }>;
}

const { values: options } = parseArgs({
  options: {
    llama: { type: 'string' },
    model: { type: 'string' },
    context: { type: 'string', default: '512' },
    texts: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    prompts: { type: 'boolean', default: false },
  },
});
const [context, texts, threads] = [Number(options.context), Number(options.texts), Number(options.threads)];
const entry = join(options.llama!, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
const { getLlama } = (await import(pathToFileURL(entry).href)) as LlamaModule;
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
const model = await llama.loadModel({ modelPath: options.model! });
const room = { contextSize: context + 256, batchSize: 512, sequences: texts, threads };
const inContext = await model.createContext(room);
const sequences = Array.from({ length: texts }, () => inContext.getSequence());

let numPrompts = 0;
await serveRuns(async (steps) => {
  if (options.prompts) {
    const [sequence] = sequences as [LlamaSequence];
    const known = sequence.nextTokenIndex;
    if (known > 0) await sequence.eraseContextTokenRanges([{ start: 0, end: known }]);
    const begin = performance.now();
    for await (const token of sequence.evaluate(benchPrompt(context, ++numPrompts), { temperature: 0 }))
      return { seconds: (performance.now() - begin) / 1e3, tokens: [token] };
  }
  let [begin, first] = [0, 0];
  const tokens: number[] = [];
  await Promise.all(
    sequences.map(async (sequence, text) => {
      const known = sequence.nextTokenIndex;
      if (known > context) await sequence.eraseContextTokenRanges([{ start: context, end: known }]);
      const rest = benchPrompt(context + 1, text).slice(sequence.nextTokenIndex);
      let seen = 0;
      for await (const token of sequence.evaluate(rest, { temperature: 0, yieldEogToken: true })) {
        if (seen++ === 0 && ++first === texts) begin = performance.now();
        if (text === 0) tokens.push(token);
        if (seen > steps) break;
      }
    }),
  );
  return { seconds: (performance.now() - begin) / 1e3, tokens };
}, 'node-llama-cpp');
