import { fileURLToPath } from 'node:url';

import { Contender } from '../../Contender.js';
import { findPython } from '../../python.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';
import type { CheckedDevice } from './gpuDevice.js';

/** One size of the benchmark's GPT: 8 blocks, 8 experts, dropless, top-1. */
export interface TrainingRateOptions {
  device: CheckedDevice;
  d: number;
  layers: number;
  sequence: number;
  batch: number;
  /** Timed steps; few enough that none of ours is one that is recorded again to be compared. */
  rounds: number;
  stepsPerRound: number;
}

/**
 * Tokens a second of training the benchmark's GPT with bf16 products: ours, PyTorch compiled and JAX, one process after the
 * other, for each keeps the memory of the device that it has had. @returns a table
 */
export async function trainingRates(options: TrainingRateOptions): Promise<string> {
  const { device, d, layers, sequence, batch, rounds, stepsPerRound } = options;
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const [torch, jax] = [findPython('torch'), findPython('jax')];
  const sizes = [`--d=${d}`, `--layers=${layers}`, `--sequence=${sequence}`, `--batch=${batch}`, '--precision=bf16'];
  // A head of 64 components.
  const heads = `--heads=${Math.max(1, d / 64)}`;
  const ofPeer = [...sizes, heads, `--ffn=${4 * d}`, `--device=${device === 'gpu' ? 'cuda' : 'cpu'}`];
  const contenders: [string, string | undefined, string[]][] = [
    [
      'ScMoE, compiled',
      process.execPath,
      [path('./workers/compiledGptStep.js'), ...sizes, heads, `--device=${device}`],
    ],
    ['PyTorch, compiled', torch, [path('../peers/gpt_torch.py'), ...ofPeer, '--compile']],
    ['JAX', jax, [path('../peers/gpt_jax.py'), ...ofPeer]],
  ];
  const rows: string[][] = [];
  for (const [name, command, args] of contenders) {
    if (command === undefined) {
      rows.push([`d ${d}`, name, '-', '-', '-', 'not installed']);
      continue;
    }
    try {
      const contender = await Contender.start(command, args);
      const seconds: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const done = await contender.run(stepsPerRound);
        if (!Number.isFinite(done.loss)) throw new Error(`the loss is ${done.loss}`);
        seconds.push(done.seconds / stepsPerRound);
      }
      contender.stop();
      const { version, firstStepSeconds, parameters } = contender.ready;
      rows.push([
        `d ${d}`,
        `${name} (${version})`,
        `${(parameters / 1e6).toFixed(1)} M`,
        `${(median(seconds) * 1000).toFixed(1)} ms`,
        ((batch * sequence) / median(seconds)).toFixed(0),
        `${firstStepSeconds.toFixed(0)} s`,
      ]);
    } catch (error) {
      rows.push([`d ${d}`, name, '-', '-', '-', (error as Error).message]);
    }
  }
  return table(['model', 'program', 'parameters', 'a step', 'tokens/s', 'ready after'], rows);
}
