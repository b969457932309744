import { asUserError, bytesText, UserError } from '@scmoe/errors';
import { isExpertParameter } from '@scmoe/layer';
import { isPretrainedFolder, openPretrainedExperts } from '@scmoe/models';
import { averagesIn } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { expectAbsent } from '../stored/saveRun.js';
import { openStoredExperts } from '../stored/StoredExperts.js';
import { folderFingerprint } from './folderFingerprint.js';
import { writeExpertStore, type LayerExperts, type WrittenStore } from './writeExpertStore.js';

/**
 * Packs the experts of a checkpoint into a new folder, from which a model reads those that it needs while it runs. Where the
 * run has averaged its parameters, they are the averages. The checkpoint stays as it is, and is needed for all else.
 * `checkpoint` is one, a run folder or its `checkpoints/`, of any program of ours; or a folder of Hugging Face transformers, which is
 * read layer by layer. `out` is a folder that does not exist yet.
 *
 * @throws UserError where there is no checkpoint, it has no experts, or the folder exists or can't be written
 */
export async function packExperts({
  checkpoint: path,
  out,
}: {
  checkpoint: string;
  out: string;
}): Promise<WrittenStore> {
  if (await isPretrainedFolder(path)) return packPublic(path, out);
  const { checkpoint, layers } = await openStoredExperts(path);
  const averages = averagesIn(checkpoint.optimizerState);
  const parameters = { ...checkpoint.parameters, ...averages };
  const weightsOf = (layer: string): LayerExperts => {
    const prefix = `${layer}.experts.`;
    const own = Object.entries(parameters).filter(([name]) => name.startsWith(prefix));
    return Object.fromEntries(
      own.map(([name, { shape, data }]) => [name.slice(prefix.length), { shape, data: data as Float32Array }]),
    );
  };
  const { step, files } = checkpoint.index;
  const source = {
    step,
    model: files['model.safetensors']!.sha256,
    averages: Object.keys(averages).some(isExpertParameter),
  };
  return writeExpertStore(out, { layers: [...layers], source, weightsOf });
}

/** The experts of a folder of Hugging Face transformers. */
async function packPublic(path: string, out: string): Promise<WrittenStore> {
  await expectAbsent(out);
  const experts = await asUserError(() => openPretrainedExperts(path));
  try {
    const { layers } = experts;
    if (layers.length === 0) throw new UserError(`${path}: expected a model with routed experts, got one of none.`);
    const source = { step: 0, model: await folderFingerprint(path), averages: false };
    const weightsOf = async (layer: string): Promise<LayerExperts> => {
      const weights = await asUserError(() => experts.weightsOf(layer));
      const read = Object.entries(weights).map(
        ([name, weight]) => [name, { shape: weight.shape, data: weight.dataSync<'float32'>() }] as const,
      );
      tf.dispose(weights);
      return Object.fromEntries(read);
    };
    return await writeExpertStore(out, { layers: [...layers], source, weightsOf });
  } finally {
    await experts.close();
  }
}

/** What was packed, in lines. */
export function packLines({ header, bytes }: WrittenStore): string[] {
  const { layers, numExperts, stride, source } = header;
  return [
    `packed: ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'} of ${numExperts} experts, ${bytesText(stride)} each, ${bytesText(bytes)} in all`,
    ...(source.step > 0 ? [`of step ${source.step}${source.averages ? ', moving averages' : ''}`] : []),
  ];
}
