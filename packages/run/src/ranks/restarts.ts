import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { makeFolder, newestCheckpoint } from '@scmoe/trainer';

/** What a run leaves for its own next start, where the launcher starts all ranks again after a failure. */
export interface Restarts {
  /** How often the ranks have been started again. */
  count: number;
  /** The newest checkpoint of this launch's run, which may be damaged; undefined at the first start, or where nothing was saved. */
  lastCheckpoint(): Promise<string | undefined>;
  /** Rank 0 says at the first start that there is no run yet, and later where it is. */
  remember(runFolder: string | undefined): Promise<void>;
  /** Rank 0 tells the launcher how far the run is: the step of a checkpoint that is whole. A failure after it is one with progress. */
  tell(step: number): Promise<void>;
  /** The run has ended as it should, its report included: a start after that would be another run. */
  forget(): Promise<void>;
}

/**
 * A marker in the folder of the runs, named after the launch (`SCMOE_RUN_ID`), holds the path of its run. Without a
 * launcher that restarts there is nothing to remember.
 */
export function openRestarts(runDir: string, env: NodeJS.ProcessEnv = process.env): Restarts {
  const { SCMOE_RUN_ID: id, SCMOE_RESTART_COUNT: text = '0', SCMOE_PROGRESS_FILE: note } = env;
  const count = Number(text);
  const marker = join(runDir, `.launch-${id}`);
  return {
    count,
    lastCheckpoint: async () => {
      if (id === undefined || count === 0) return undefined;
      const runFolder = await readFile(marker, 'utf8').catch(() => '');
      return runFolder === '' ? undefined : newestCheckpoint(join(runFolder, 'checkpoints'));
    },
    remember: async (runFolder = '') => {
      if (id === undefined) return;
      await makeFolder(runDir);
      // Where it says so already nothing is written, and else aside first: on a full disk the marker stays what it was.
      if ((await readFile(marker, 'utf8').catch(() => undefined)) === runFolder) return;
      await writeFile(`${marker}.new`, runFolder);
      await rename(`${marker}.new`, marker);
    },
    tell: async (step) => {
      // The run itself needs nothing of it: on a full disk a restart counts.
      if (note !== undefined) await writeFile(note, String(step)).catch(() => undefined);
    },
    forget: async () => {
      if (id === undefined) return;
      for (const path of [marker, `${marker}.new`]) await rm(path, { force: true });
    },
  };
}
