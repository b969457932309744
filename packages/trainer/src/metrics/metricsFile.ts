import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

import { fileError } from '../fileError.js';

/** One line of `metrics.jsonl`. Not-a-number values become null, as everywhere in JSON. */
export type MetricsRecord = { step: number } & Record<string, number | string>;

/** A file of metrics that is open for writing. */
export interface MetricsFile {
  /**
   * Writes one line, at once.
   *
   * @throws UserError where it can't be written
   */
  append(record: MetricsRecord): void;
}

/**
 * Opens a file with one JSON object a line. A run that resumes from step n passes it as `startStep`: lines of later
 * steps, and a line that was cut off, are of work that is done again and are removed first.
 */
export function openMetricsFile(path: string, { startStep = 0 }: { startStep?: number } = {}): MetricsFile {
  const guard = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw fileError(`write metrics ${path}`, error);
    }
  };
  const kept = readMetricsFile(path).filter(({ step }) => step <= startStep);
  guard(() => {
    // Aside first: a full disk leaves the old lines.
    writeFileSync(`${path}.new`, kept.map(line).join(''));
    renameSync(`${path}.new`, path);
  });
  let torn = '';
  return {
    append: (record) => {
      const text = torn + line(record);
      // Perhaps a part of this line is written: the next one is not to continue it.
      torn = '\n';
      guard(() => appendFileSync(path, text));
      torn = '';
    },
  };
}

/** The records of a metrics file; a last line that was cut off is left out, a file that does not exist has none. */
export function readMetricsFile(path: string): MetricsRecord[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError(`read metrics ${path}`, error);
  }
  return text.split('\n').flatMap((record) => {
    try {
      return record === '' ? [] : [JSON.parse(record) as MetricsRecord];
    } catch {
      return [];
    }
  });
}

/** Characters that JSON lets stand in a text and that readers such as Python's splitlines take for the end of a line. */
const lineEnds = /[\u0085\u2028\u2029]/g;

function line(record: MetricsRecord): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(record).replace(lineEnds, escape) + '\n';
}
