import { UserError } from '@scmoe/errors';
import { configOfSettings } from '@scmoe/gating';
import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import { moeOptions, type MoeConfig } from '@scmoe/models';
import { findCheckpoint, loadWholeCheckpoint, type Checkpoint } from '@scmoe/trainer';

/** The tensors of a checkpoint, and what its settings say of the experts. */
export interface StoredExperts {
  checkpoint: Checkpoint;
  /** The model's `moe`, of the run's settings. */
  moe: MoeConfig & { numExperts: number };
  /** The layers with experts by the first part of their parameters' names: `block0`. */
  layers: readonly string[];
}

/**
 * Opens a checkpoint, a run folder or its `checkpoints/`: the newest in it, ranks' parts put together.
 *
 * @throws UserError where there is none, it is damaged, or its model has no experts
 */
export async function openStoredExperts(path: string): Promise<StoredExperts> {
  const checkpoint = await loadWholeCheckpoint(await findCheckpoint(path), {
    isSharded: isExpertParameter,
    slicedAxis: tensorAxis,
  });
  const layers = layersWithExperts(Object.keys(checkpoint.parameters));
  if (layers.length === 0)
    throw new UserError(`${checkpoint.path}: expected a model with routed experts, got one of none.`);
  const moe = configOfSettings(moeOptions, checkpoint.index.config) as unknown as MoeConfig;
  const numExperts = storedExperts(checkpoint, layers[0]!);
  if (moe.numExperts !== numExperts)
    throw new UserError(
      `${checkpoint.path}: checkpoint.json: config: numExperts: expected ${numExperts}, as many as it stores, got ${moe.numExperts}.`,
    );
  return { checkpoint, moe: { ...moe, numExperts }, layers };
}

/** The layers with experts, by the names of a model's parameters: what stands before `.experts`. */
export function layersWithExperts(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => /^(.*)\.experts\.[^.]+$/.exec(name)?.[1] ?? []))];
}

/**
 * Makes sure that every layer has a router of its own.
 *
 * @param what what has to be done, to each layer by itself
 * @throws UserError where one router chooses for all of them
 */
export function expectOwnRouters(
  { checkpoint, layers }: Pick<StoredExperts, 'checkpoint' | 'layers'>,
  what: string,
): void {
  const { path, parameters } = checkpoint;
  const without = layers.find((layer) => !Object.keys(parameters).some((name) => name.startsWith(`${layer}.router.`)));
  if (without === undefined) return;
  throw new UserError(
    `${path}: expected a router in each layer, whose experts can be ${what} by themselves, got none in ${without}: one before the first block chooses for all (--router-ahead).`,
    { exitCode: 2 },
  );
}

function storedExperts({ path, parameters }: Checkpoint, layer: string): number {
  const stored = Object.entries(parameters).find(([name]) => name.startsWith(`${layer}.experts.`));
  if (!stored)
    throw new UserError(`${path}: ${layer}: expected parameters of experts beside those of the router, got none.`);
  return stored[1].shape[0]!;
}
