import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { alternate } from '../../alternate.js';
import { Contender } from '../../Contender.js';
import { median, spread } from '../../statistics.js';
import { table } from '../../table.js';

/** Options of `decodeSuite`. */
export interface DecodeSuiteOptions {
  /** A folder of transformers. The same weights for llama.cpp lie beside it: MODEL.f32.gguf, MODEL.bf16.gguf, MODEL.q8_0.gguf. */
  model: string;
  /** A folder where node-llama-cpp is installed; without it ours is measured alone. */
  llama?: string;
  threads?: string;
  /** Tokens of the prompts. */
  contexts?: readonly number[];
  /** Texts that are written together. */
  texts?: readonly number[];
  /** Formats of the weights; all by default. */
  only?: readonly string[];
  /** Whether to time prompts as well. */
  prompts?: boolean;
  /** The precision of our products; bf16 rounds the rows of prompts, as llama.cpp does with weights in bf16. */
  precision?: string;
  rounds?: number;
}

/** Formats of our weights, and what llama.cpp calls the like. */
const formats = { float32: 'f32', bfloat16: 'bf16', int8: 'q8_0' } as const;

/** Tokens of each text in one turn. */
const steps = 32;

/**
 * Time of a step that writes a token of each text, beside node-llama-cpp in turn: greedy, the prompts read before. And of a prompt
 * of as many tokens, with the first one behind it.
 */
export async function decodeSuite({
  model,
  llama,
  threads = '1',
  contexts = [512, 4096],
  texts = [1, 8],
  only = Object.keys(formats),
  prompts = true,
  precision = 'float32',
  rounds = 5,
}: DecodeSuiteOptions): Promise<string> {
  const worker = (name: string) => fileURLToPath(new URL(`./workers/${name}.js`, import.meta.url));
  const entry = llama && join(llama, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  const isMissing = entry !== undefined && !existsSync(entry);
  if (isMissing) console.log(`llama.cpp left out: there is no node-llama-cpp in ${join(llama!, 'node_modules')}.`);
  const rows: string[][] = [];
  for (const [format, suffix] of Object.entries(formats).filter(([name]) => only.includes(name))) {
    const gguf = `${model}.${suffix}.gguf`;
    const hasPeer = llama !== undefined && !isMissing && existsSync(gguf);
    if (llama !== undefined && !isMissing && !hasPeer) console.log(`llama.cpp left out: there is no ${gguf}.`);
    for (const context of contexts) {
      for (const count of prompts ? [...texts, 'prompt' as const] : texts) {
        const isPrompt = count === 'prompt';
        const sizes = ['--context', String(context), '--threads', threads];
        sizes.push(...(isPrompt ? ['--prompts'] : ['--texts', String(count)]));
        const contenders = new Map<string, Contender>();
        const ours = [worker('decodeTokens'), '--model', model, '--format', format, '--precision', precision, ...sizes];
        contenders.set('ours', await Contender.start(process.execPath, ours));
        const peer = [worker('decodeLlama'), '--llama', llama ?? '', '--model', gguf, ...sizes];
        if (hasPeer) contenders.set('llama.cpp', await Contender.start(process.execPath, peer));
        const parts = isPrompt ? 1 : steps;
        const timed = [...contenders].map(([name, contender]) => ({
          name,
          run: async () => (await contender.run(parts)).seconds / parts,
        }));
        const seconds = await alternate(timed, rounds);
        for (const contender of contenders.values()) contender.stop();
        const cell = (name: string) => {
          const own = seconds.get(name);
          return own ? `${(median(own) * 1e3).toFixed(2)} ms ± ${(100 * spread(own)).toFixed(0)} %` : '';
        };
        const ratio = hasPeer ? median(seconds.get('llama.cpp')!) / median(seconds.get('ours')!) : undefined;
        const row = [format, String(context), String(count), cell('ours'), cell('llama.cpp'), ratio?.toFixed(2) ?? ''];
        console.log(row.join('  '));
        rows.push(row);
      }
    }
  }
  return table(['weights', 'behind', 'texts', 'ours, a step or prompt', 'llama.cpp', 'ours is times as fast'], rows);
}
