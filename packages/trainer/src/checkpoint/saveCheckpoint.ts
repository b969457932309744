import { join } from 'node:path';

import { writeSafetensors } from '@scmoe/tensor';

import { dataFile, modelFile, optimizerFile } from './CheckpointIndex.js';
import { type CheckpointContent, indexOf, tensorMetadata } from './CheckpointContent.js';
import { writeText } from './durableFiles.js';
import type { Retention } from './pruneCheckpoints.js';
import { storedState } from './storedState.js';
import { storeCheckpoint } from './storeCheckpoint.js';

/**
 * Saves a checkpoint as `<folder>/step-000123/`, and returns when it is whole; `openCheckpointWriter` does so beside
 * training. Everything is written to a temporary folder, flushed and renamed, so a checkpoint is whole or absent; a crash
 * or a full disk leaves the earlier ones as they were.
 *
 * @param retention which of the earlier checkpoints stay; by default all
 * @returns the checkpoint's folder
 * @throws UserError that says why it can't be written, and which is the last whole one
 */
export async function saveCheckpoint(
  folder: string,
  content: CheckpointContent,
  retention: Retention = {},
): Promise<string> {
  const { parameters, optimizer, dataDescription } = content;
  const metadata = tensorMetadata(content);
  return storeCheckpoint(folder, {
    index: indexOf(content),
    writeFiles: async (temporary) => ({
      [modelFile]: await writeSafetensors(join(temporary, modelFile), parameters, { metadata }),
      [optimizerFile]: await writeSafetensors(join(temporary, optimizerFile), storedState(optimizer), { metadata }),
      [dataFile]: await writeText(join(temporary, dataFile), JSON.stringify(dataDescription)),
    }),
    retention,
  });
}
