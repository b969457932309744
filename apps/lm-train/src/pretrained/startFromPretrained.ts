import { asUserError } from '@scmoe/errors';
import { LanguageModel, loadAdapter, loadPretrained, sliceOfParameter } from '@scmoe/models';
import { count, say, type Terminal } from '@scmoe/run';

import * as tf from '@tensorflow/tfjs';

import type { Settings } from '../options/Settings.js';

/** Gives a model the parameters of the one in the folder `init`, and of the adapters in `adapter`, and says so. */
export async function startFromPretrained(
  model: LanguageModel<object>,
  { init, adapter }: Settings,
  terminal: Terminal,
): Promise<void> {
  if (init === undefined) return;
  // Whole matrices of the experts here: a folder knows no slices, and neither does an adapter.
  const { rank, size, shards = 1 } = model.experts;
  const experts = { rank: Math.floor(rank / shards), size: size / shards };
  const loaded = await asUserError(() => loadPretrained(init, { as: LanguageModel, experts }));
  if (adapter !== undefined) await asUserError(() => loadAdapter(loaded, adapter));
  const own = { ...model.variables, ...model.buffers };
  for (const [name, value] of Object.entries({ ...loaded.variables, ...loaded.buffers })) {
    // Each is freed as soon as it is taken over, so that the model is there once and not twice.
    const slice = sliceOfParameter(model, name, value);
    own[name]!.assign(slice);
    tf.dispose([slice, value]);
  }
  const numTrained = Object.values(model.variables).reduce((sum, { size }) => sum + size, 0);
  const matrices = Object.keys(model.adapter?.matrices ?? {}).length;
  const what = matrices > 0 ? `adapters of ${count(matrices)} matrices` : 'all of it';
  const from = adapter === undefined ? init : `${init} with the adapters of ${adapter}`;
  say(terminal, `start: ${from}; trained: ${what}, ${count(numTrained)} parameters on this rank`);
}
