import { bytesText } from '@scmoe/errors';
import type { ModelExpertSource } from '@scmoe/models';
import type { Checkpoint } from '@scmoe/trainer';

import { openExpertStore } from './openExpertStore.js';
import { storedExperts, type Prefetch } from './storedExperts.js';
import type { ExpertStoreOptions, ExpertStoreStatistics } from './ExpertStore.js';

/** The experts of a model in a store, for a command that opens the rest of it from its checkpoint. */
export interface ModelExperts {
  source: ModelExpertSource;
  /** What was read so far. */
  readonly statistics: ExpertStoreStatistics;
  /** @throws UserError where they were packed from another checkpoint */
  expectPackedFrom(checkpoint: Pick<Checkpoint, 'path' | 'index'>): void;
  /** @throws UserError where they were packed from another folder of Hugging Face transformers */
  expectPackedFromFolder(path: string): Promise<void>;
  /** What was read so far, in one line. */
  summary(): string;
  /** Ends the reading, and frees all memory. */
  close(): Promise<void>;
}

/** Opens a store as a command needs it. @throws as `openExpertStore` */
export async function openModelExperts(
  folder: string,
  { prefetch, ...options }: ExpertStoreOptions & { prefetch?: Prefetch },
): Promise<ModelExperts> {
  const store = await openExpertStore(folder, options);
  return {
    source: storedExperts(store, { prefetch }),
    get statistics() {
      return store.statistics;
    },
    expectPackedFrom: (checkpoint) => store.expectPackedFrom(checkpoint),
    expectPackedFromFolder: (path) => store.expectPackedFromFolder(path),
    summary: () => summaryOf(store.statistics),
    close: () => store.close(),
  };
}

function summaryOf(statistics: ExpertStoreStatistics): string {
  const { hits, readKnown, readGuessed, readOnDemand, wasted, bytesRead, waitMs, cacheBytes } = statistics;
  const uses = hits + readKnown + readGuessed + readOnDemand;
  const parts = [
    `${uses} uses, ${hits} of them in a cache of ${bytesText(cacheBytes)}`,
    `${readKnown} read ahead${readGuessed > 0 ? `, ${readGuessed} guessed` : ''}, ${readOnDemand} on demand, ${wasted} in vain`,
    `${bytesText(bytesRead)} read, ${(waitMs / 1000).toFixed(2)} s waited`,
  ];
  return `experts: ${parts.join('; ')}`;
}
