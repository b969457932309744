import { isExpertParameter } from '@scmoe/layer';
import type * as tf from '@tensorflow/tfjs';

import { families } from './families.js';
import { isOfExperts, openLinked } from './loadModel.js';
import { importTensors } from './tensors/importTensors.js';

/** The routed experts of a model in a folder of Hugging Face transformers, read layer by layer. Close it. */
export interface PretrainedExperts {
  /** Blocks with experts, in the order of the model: `block0`. */
  readonly layers: readonly string[];
  /** Reads the stacked weights of a layer's experts, (N, ...) each, by their names: `gate`. The caller disposes them. */
  weightsOf(layer: string): Promise<Record<string, tf.Tensor>>;
  /** Closes the files. */
  close(): Promise<void>;
}

/**
 * Opens the experts of a folder, of which no more is in memory than is asked for.
 *
 * @throws PretrainedError as `loadPretrained`; where the model has no experts there are no layers
 */
export async function openPretrainedExperts(path: string): Promise<PretrainedExperts> {
  const opened = await openLinked(path, families);
  const { shown, links, architecture, isUnused } = opened;
  const ofExperts = links.filter(isOfExperts);
  const layerOf = (name: string) => /^(.*)\.experts\./.exec(name)![1]!;
  const names = ofExperts.flatMap(({ ours }) => ours.map(({ name }) => name)).filter(isExpertParameter);
  const isOf = (layer: string) => (link: (typeof links)[number]) => layerOf(link.ours[0]!.name) === layer;
  return {
    layers: [...new Set(names.map(layerOf))],
    weightsOf: async (layer) => {
      const own = ofExperts.filter(isOf(layer));
      const unread = links.filter((link) => !own.includes(link));
      const tensors = await importTensors(shown, own, { prefix: architecture.prefix, isUnused, unread });
      const short = Object.entries(tensors).map(([name, tensor]) => [name.slice(`${layer}.experts.`.length), tensor]);
      return Object.fromEntries(short) as Record<string, tf.Tensor>;
    },
    close: () => opened.close(),
  };
}
