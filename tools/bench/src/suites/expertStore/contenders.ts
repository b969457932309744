import {
  openExpertStore,
  openLanguageModel,
  storedExperts,
  type ExpertStore,
  type ExpertStoreOptions,
  type Prefetch,
} from '@scmoe/experts';
import type { openStoredExperts } from '@scmoe/experts';
import type { ExpertSource } from '@scmoe/layer';
import type { Gpt, ModelExpertSource } from '@scmoe/models';

type Stored = Awaited<ReturnType<typeof openStoredExperts>>;

/** A model with a way to come by its experts. */
export interface StoreContender {
  name: string;
  model: Gpt;
  store: ExpertStore;
  close(): Promise<void>;
}

/** A model that reads its experts at a set rate. */
export async function openStored(
  stored: Stored,
  packed: string,
  {
    name,
    prefetch,
    ...options
  }: { name: string; prefetch: Prefetch } & Pick<
    ExpertStoreOptions,
    'cacheBytes' | 'policy' | 'maxBytesPerSecond' | 'direct'
  >,
): Promise<StoreContender> {
  const store = await openExpertStore(packed, options);
  const { model } = (await openLanguageModel(stored, { expertSource: storedExperts(store, { prefetch }) }))!;
  return {
    name,
    model,
    store,
    close: async () => {
      model.dispose();
      await store.close();
    },
  };
}

/** Times between the moment when a layer's route is known and that when its experts are needed, all in memory. */
export async function openWindow(
  stored: Stored,
  packed: string,
): Promise<{ model: Gpt; windows: number[]; close(): Promise<void> }> {
  const store = await openExpertStore(packed, { cacheBytes: Number.MAX_SAFE_INTEGER });
  const windows: number[] = [];
  const timed = timedSource(storedExperts(store), windows);
  const { model } = (await openLanguageModel(stored, { expertSource: timed }))!;
  return {
    model,
    windows,
    close: async () => {
      model.dispose();
      await store.close();
    },
  };
}

function timedSource(source: ModelExpertSource, windows: number[]): ModelExpertSource {
  return {
    stage: (index, model) => {
      const { source: experts, ...stage } = source.stage(index, model);
      let since = 0;
      const timed: ExpertSource = {
        routeKnown: (routing, s) => {
          experts.routeKnown(routing, s);
          since = performance.now();
        },
        compute: (batch) => {
          windows.push(performance.now() - since);
          return experts.compute(batch);
        },
      };
      return { ...stage, source: timed };
    },
  };
}
