import { SingleBar } from 'cli-progress';

import { say, type Terminal } from '../cli/Terminal.js';
import { count, duration } from './format.js';

export interface Progress {
  step(step: number, values: { loss: number; unitsPerSecond: number; elapsedSeconds: number }): void;
  evaluation(step: number, validationLoss: number): void;
  /** Ends the display; what is said afterwards starts on a line of its own. */
  stop(): void;
}

/** Shows nothing, for ranks whose progress another one shows. */
export const noProgress: Progress = { step: () => undefined, evaluation: () => undefined, stop: () => undefined };

interface ProgressOptions {
  startStep: number;
  /** How long the whole run is: a number of steps, or a time of which there has been some. */
  length: { steps: number } | { totalSeconds: number; startSeconds: number };
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
    step: (step, { loss, ...values }) => {
      average = average === undefined ? loss : average + smoothing * (loss - average);
      show.step(step, { loss: average, ...values });
    },
  };
}

function progressBar(terminal: Terminal, { startStep, length, unit }: ProgressOptions): Progress {
  const byTime = 'totalSeconds' in length;
  const bar = new SingleBar({
    stream: terminal.out,
    format: `{bar} ${byTime ? 'step {step}, {percentage} % of the time' : 'step {value}/{total}'}  loss {loss}  validation {validation}  {speed} ${unit}/s  {left} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    // Ctrl-C is the run's to handle.
    gracefulExit: false,
  });
  const start = performance.now();
  const empty = { loss: '-', validation: '-', speed: '-', step: startStep, left: '-' };
  if (byTime) bar.start(length.totalSeconds, length.startSeconds, empty);
  else bar.start(length.steps, startStep, empty);
  let done = byTime ? length.startSeconds : startStep;
  return {
    step: (step, { loss, unitsPerSecond, elapsedSeconds }) => {
      done = byTime ? Math.min(elapsedSeconds, length.totalSeconds) : step;
      const leftSeconds = byTime
        ? length.totalSeconds - done
        : ((performance.now() - start) / 1000 / (step - startStep)) * (length.steps - step);
      bar.update(done, { loss: loss.toFixed(3), speed: count(unitsPerSecond), step, left: duration(leftSeconds) });
    },
    evaluation: (_, loss) => bar.update(done, { validation: loss.toFixed(3) }),
    stop: () => bar.stop(),
  };
}

/** Lines of a run that a log has about. */
const numLines = 20;

function plainLines(terminal: Terminal, { startStep, length, unit }: ProgressOptions): Progress {
  const start = performance.now();
  const byTime = 'totalSeconds' in length;
  const everySteps = byTime ? 0 : Math.max(1, Math.ceil((length.steps - startStep) / numLines));
  const everySeconds = byTime ? (length.totalSeconds - length.startSeconds) / numLines : 0;
  let nextSeconds = byTime ? length.startSeconds + everySeconds : 0;
  const isDue = (step: number, elapsedSeconds: number) => {
    if (!byTime) return (step - startStep) % everySteps === 0 || step === length.steps;
    if (elapsedSeconds < nextSeconds) return false;
    nextSeconds = Math.max(nextSeconds + everySeconds, elapsedSeconds);
    return true;
  };
  const of = byTime ? '' : `/${length.steps}`;
  return {
    step: (step, { loss, unitsPerSecond, elapsedSeconds }) => {
      if (!isDue(step, elapsedSeconds)) return;
      const time = byTime
        ? `${duration(elapsedSeconds)} of ${duration(length.totalSeconds)}`
        : duration((performance.now() - start) / 1000);
      say(terminal, `step ${step}${of}  loss ${loss.toFixed(4)}  ${count(unitsPerSecond)} ${unit}/s  ${time}`);
    },
    evaluation: (step, loss) => say(terminal, `step ${step}${of}  validation loss ${loss.toFixed(4)}`),
    stop: () => undefined,
  };
}
