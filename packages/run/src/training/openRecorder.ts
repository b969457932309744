import { UserError } from '@scmoe/errors';
import { openMetricsFile, type RunFolder, summaryFileWriter } from '@scmoe/trainer';

/** Where the numbers of a run go. */
export interface Recorder {
  record(step: number, values: Record<string, number>): void;
  /** Goes on from an earlier step: what was recorded after it is of work that is done again. */
  restartAt(step: number): void;
  /** What could not be written first; undefined where all was. */
  problem(): string | undefined;
  close(): void;
}

/** A recorder for ranks whose numbers another one records. */
export const noRecorder: Recorder = {
  record: () => undefined,
  restartAt: () => undefined,
  problem: () => undefined,
  close: () => undefined,
};

/**
 * A recorder that writes to `metrics.jsonl` and, value by value, to TensorBoard's event file. Where a disk is full, training
 * goes on without: the metrics go on with it when there is room again, the event file, whose records have no ends, does not.
 *
 * @param onProblem hears of the first thing that could not be written
 */
export function openRecorder(run: RunFolder, startStep: number, onProblem: (problem: string) => void): Recorder {
  let file = openMetricsFile(run.metricsFile, { startStep });
  const events = summaryFileWriter(run.tensorBoardFolder);
  // At the first start too: TensorBoard's slower reader takes the first one of a run for its beginning, and forgets nothing.
  events.restartAt(startStep + 1);
  let problem: string | undefined;
  let eventsEnded = false;
  const attempt = (action: () => void): boolean => {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (problem === undefined) onProblem((problem = error.message));
      return false;
    }
  };
  const withEvents = (action: () => void) => {
    if (!eventsEnded) eventsEnded = !attempt(action);
  };
  return {
    record: (step, values) => {
      attempt(() => file.append({ step, ...values }));
      withEvents(() => Object.entries(values).forEach(([name, value]) => events.scalar(name, value, step)));
    },
    restartAt: (step) => {
      attempt(() => (file = openMetricsFile(run.metricsFile, { startStep: step })));
      withEvents(() => events.restartAt(step + 1));
    },
    problem: () => problem,
    close: () => withEvents(() => events.flush()),
  };
}
