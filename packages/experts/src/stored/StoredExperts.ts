import { UserError } from '@scmoe/errors';
import { configOfSettings } from '@scmoe/gating';
import { isExpertParameter } from '@scmoe/layer';
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
  const checkpoint = await loadWholeCheckpoint(await findCheckpoint(path), { isSharded: isExpertParameter });
  const layers = Object.keys(checkpoint.parameters).flatMap(
    (name) => /^(.*)\.router\.(weight|similarity)$/.exec(name)?.[1] ?? [],
  );
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

function storedExperts({ path, parameters }: Checkpoint, layer: string): number {
  const stored = Object.entries(parameters).find(([name]) => name.startsWith(`${layer}.experts.`));
  if (!stored)
    throw new UserError(`${path}: ${layer}: expected parameters of experts beside those of the router, got none.`);
  return stored[1].shape[0]!;
}
