import { SingleBar } from 'cli-progress';

import { say, type Terminal } from '../cli/Terminal.js';
import { count, duration } from './format.js';

export interface Progress {
  step(step: number, values: { loss: number; unitsPerSecond: number }): void;
  evaluation(step: number, validationLoss: number): void;
  /** Ends the display; what is said afterwards starts on a line of its own. */
  stop(): void;
}

/** Shows nothing, for ranks whose progress another one shows. */
export const noProgress: Progress = { step: () => undefined, evaluation: () => undefined, stop: () => undefined };

interface ProgressOptions {
  startStep: number;
  steps: number;
  /** What the speed is counted in: `tokens`. */
  unit: string;
}

/** Weight of the newest loss in the average that is shown; single batches differ too much to read. */
const smoothing = 0.1;

/** A bar on a terminal, a line now and then elsewhere. */
export function showProgress(terminal: Terminal, { bar, ...options }: ProgressOptions & { bar: boolean }): Progress {
  const show = bar && terminal.out.isTTY ? progressBar(terminal, options) : plainLines(terminal, options);
  let average: number | undefined;
  return {
    ...show,
    step: (step, { loss, unitsPerSecond }) => {
      average = average === undefined ? loss : average + smoothing * (loss - average);
      show.step(step, { loss: average, unitsPerSecond });
    },
  };
}

function progressBar(terminal: Terminal, { startStep, steps, unit }: ProgressOptions): Progress {
  const bar = new SingleBar({
    stream: terminal.out,
    format: `{bar} {value}/{total}  loss {loss}  validation {validation}  {speed} ${unit}/s  {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    etaBuffer: 50,
    hideCursor: true,
    // Ctrl-C is the run's to handle.
    gracefulExit: false,
  });
  bar.start(steps, startStep, { loss: '-', validation: '-', speed: '-' });
  return {
    step: (step, { loss, unitsPerSecond }) => bar.update(step, { loss: loss.toFixed(3), speed: count(unitsPerSecond) }),
    evaluation: (step, loss) => bar.update(step, { validation: loss.toFixed(3) }),
    stop: () => bar.stop(),
  };
}

function plainLines(terminal: Terminal, { startStep, steps, unit }: ProgressOptions): Progress {
  const every = Math.max(1, Math.ceil((steps - startStep) / 20));
  const start = performance.now();
  return {
    step: (step, { loss, unitsPerSecond }) => {
      if ((step - startStep) % every !== 0 && step !== steps) return;
      const elapsed = duration((performance.now() - start) / 1000);
      say(terminal, `step ${step}/${steps}  loss ${loss.toFixed(4)}  ${count(unitsPerSecond)} ${unit}/s  ${elapsed}`);
    },
    evaluation: (step, loss) => say(terminal, `step ${step}/${steps}  validation loss ${loss.toFixed(4)}`),
    stop: () => undefined,
  };
}
