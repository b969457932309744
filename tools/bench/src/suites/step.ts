import { fileURLToPath } from 'node:url';

import { alternate } from '../alternate.js';
import { Contender } from '../Contender.js';
import { findPyTorch } from '../python.js';
import { median, spread } from '../statistics.js';
import { table } from '../table.js';

/** A model of ours and the same one in PyTorch. */
interface StepPair {
  /** Names of the programs, in `workers/` and `peers/`. */
  worker: string;
  peer: string;
  unit: string;
  unitsPerStep: number;
  /** Whether our program can capture its passes, as training does: another contender then. */
  isCapturable?: boolean;
}

/** The sizes are the defaults of the programs. */
const gpt: StepPair = {
  worker: 'gptStep',
  peer: 'gpt_torch',
  unit: 'tokens',
  unitsPerStep: 8 * 256,
  isCapturable: true,
};
const vit: StepPair = { worker: 'vitStep', peer: 'vit_torch', unit: 'pictures', unitsPerStep: 128 };
const convnet: StepPair = { worker: 'convnetStep', peer: 'convnet_torch', unit: 'pictures', unitsPerStep: 128 };

export interface StepSuiteOptions {
  rounds?: number;
  stepsPerRound?: number;
  /** Beside PyTorch's eager mode, its compiled one. */
  compiled?: boolean;
  /** Operands of matrix products; both by default. */
  precisions?: readonly string[];
}

/** Whole training step and forward pass of the benchmark GPT: ours against PyTorch, same cores, same precision. */
export function stepSuite(options: StepSuiteOptions): Promise<string> {
  return compareSteps(gpt, options);
}

/** The same of the benchmark ViT, on pictures of 32 pixels. */
export function visionSuite(options: StepSuiteOptions): Promise<string> {
  return compareSteps(vit, options);
}

/** The same of four convolutions, two poolings and two dense layers in plain TF.js, on digits of 28 pixels, in float32. */
export function convnetSuite(options: StepSuiteOptions): Promise<string> {
  return compareSteps(convnet, { ...options, precisions: ['float32'] });
}

async function compareSteps(
  { worker: workerName, peer: peerName, unit, unitsPerStep, isCapturable = false }: StepPair,
  { rounds = 7, stepsPerRound = 3, compiled = false, precisions = ['float32', 'bf16'] }: StepSuiteOptions,
): Promise<string> {
  const worker = fileURLToPath(new URL(`./workers/${workerName}.js`, import.meta.url));
  const peer = fileURLToPath(new URL(`../peers/${peerName}.py`, import.meta.url));
  const python = findPyTorch();
  const rows: string[][] = [];
  for (const mode of ['train', 'forward']) {
    for (const precision of precisions) {
      for (const threads of ['1', '2']) {
        const common = ['--threads', threads, '--precision', precision, '--mode', mode];
        const contenders = new Map<string, Contender>();
        contenders.set('ScMoE', await Contender.start(process.execPath, [worker, ...common]));
        if (isCapturable)
          contenders.set('ScMoE, captured', await Contender.start(process.execPath, [worker, ...common, '--captured']));
        if (python) contenders.set('PyTorch eager', await Contender.start(python, [peer, ...common]));
        if (python && compiled)
          contenders.set('PyTorch compiled', await Contender.start(python, [peer, ...common, '--compile']));
        const timed = [...contenders].map(([name, contender]) => ({
          name,
          run: async () => (await contender.run(stepsPerRound)).seconds / stepsPerRound,
        }));
        const seconds = await alternate(timed, rounds);
        const ours = median(seconds.get('ScMoE')!);
        for (const [name, contender] of contenders) {
          const own = seconds.get(name)!;
          const memory = (await contender.run(1)).peakBytes;
          rows.push([
            mode,
            precision,
            threads,
            name,
            `${(median(own) * 1000).toFixed(0)} ms`,
            `± ${(spread(own) * 100).toFixed(0)} %`,
            (unitsPerStep / median(own)).toFixed(0),
            `${(median(own) / ours).toFixed(2)}x`,
            `${contender.ready.firstStepSeconds.toFixed(1)} s`,
            memory ? `${(memory / 2 ** 20).toFixed(0)} MiB` : '',
          ]);
          contender.stop();
        }
        console.log(
          rows
            .slice(-contenders.size)
            .map((row) => row.join('  '))
            .join('\n'),
        );
      }
    }
  }
  const header = [
    'mode',
    'precision',
    'threads',
    'who',
    'step',
    'spread',
    `${unit}/s`,
    'time / ours',
    'first step',
    'peak memory',
  ];
  return table(header, rows);
}
