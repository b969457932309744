import { openMetricsFile, type RunFolder, summaryFileWriter } from '@scmoe/trainer';

/** Where the numbers of a run go. */
export interface Recorder {
  record(step: number, values: Record<string, number>): void;
  close(): void;
}

/** A recorder for ranks whose numbers another one records. */
export const noRecorder: Recorder = { record: () => undefined, close: () => undefined };

/** A recorder that writes to `metrics.jsonl` and, value by value, to TensorBoard's event file. */
export function openRecorder(run: RunFolder, startStep: number): Recorder {
  const file = openMetricsFile(run.metricsFile, { startStep });
  const events = summaryFileWriter(run.tensorBoardFolder);
  if (startStep > 0) events.restartAt(startStep + 1);
  return {
    record: (step, values) => {
      file.append({ step, ...values });
      for (const [name, value] of Object.entries(values)) events.scalar(name, value, step);
    },
    close: () => events.flush(),
  };
}
