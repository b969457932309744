import { SingleBar } from 'cli-progress';

import { say, type Terminal } from '../Terminal.js';
import { count, duration } from './format.js';

export interface Progress {
  step(step: number, values: { loss: number; tokensPerSecond: number }): void;
  evaluation(step: number, validationLoss: number): void;
  /** Ends the display; what is said afterwards starts on a line of its own. */
  stop(): void;
}

/** For ranks whose progress another one shows. */
export const noProgress: Progress = { step: () => undefined, evaluation: () => undefined, stop: () => undefined };

/** Weight of the newest loss in the average that is shown; single batches differ too much to read. */
const smoothing = 0.1;

/** A bar on a terminal, a line now and then elsewhere. */
export function showProgress(
  terminal: Terminal,
  { startStep, steps, bar }: { startStep: number; steps: number; bar: boolean },
): Progress {
  const show =
    bar && terminal.out.isTTY ? progressBar(terminal, startStep, steps) : plainLines(terminal, startStep, steps);
  let average: number | undefined;
  return {
    ...show,
    step: (step, { loss, tokensPerSecond }) => {
      average = average === undefined ? loss : average + smoothing * (loss - average);
      show.step(step, { loss: average, tokensPerSecond });
    },
  };
}

function progressBar(terminal: Terminal, startStep: number, steps: number): Progress {
  const bar = new SingleBar({
    stream: terminal.out,
    format:
      '{bar} {value}/{total}  loss {loss}  validation {validation}  {tokensPerSecond} tokens/s  {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    etaBuffer: 50,
    hideCursor: true,
    // Ctrl-C is the run's to handle.
    gracefulExit: false,
  });
  bar.start(steps, startStep, { loss: '-', validation: '-', tokensPerSecond: '-' });
  return {
    step: (step, { loss, tokensPerSecond }) =>
      bar.update(step, { loss: loss.toFixed(3), tokensPerSecond: count(tokensPerSecond) }),
    evaluation: (step, loss) => bar.update(step, { validation: loss.toFixed(3) }),
    stop: () => bar.stop(),
  };
}

function plainLines(terminal: Terminal, startStep: number, steps: number): Progress {
  const every = Math.max(1, Math.ceil((steps - startStep) / 20));
  const start = performance.now();
  return {
    step: (step, { loss, tokensPerSecond }) => {
      if ((step - startStep) % every !== 0 && step !== steps) return;
      const elapsed = duration((performance.now() - start) / 1000);
      say(terminal, `step ${step}/${steps}  loss ${loss.toFixed(4)}  ${count(tokensPerSecond)} tokens/s  ${elapsed}`);
    },
    evaluation: (step, loss) => say(terminal, `step ${step}/${steps}  validation loss ${loss.toFixed(4)}`),
    stop: () => undefined,
  };
}
