import { applyPlan, eraseBox } from '../augment/applyPlan.js';
import { mixPixels } from '../augment/mixing.js';
import type { PixelReader } from '../PixelStore.js';
import { normalizePixels } from '../preprocess/preprocess.js';
import type { BatchPlan, BatchSettings } from './BatchPlan.js';

/**
 * Makes the pixels of a batch, (plan.indices.length, height, width, 3), in `output`: a function of its arguments, whichever
 * thread runs it.
 *
 * @param onPicture called after each picture
 */
export function renderBatch(
  { indices, plans, mixes }: BatchPlan,
  { source, size, normalization }: BatchSettings,
  { reader, output, onPicture }: { reader: PixelReader; output: Float32Array; onPicture?: () => void },
): void {
  const stored = source.size;
  const length = size.height * size.width * 3;
  const part = (i: number) => output.subarray(i * length, (i + 1) * length);
  for (const [i, index] of indices.entries()) {
    const data = new Uint8Array(stored.height * stored.width * 3);
    reader.read(source.rows[index]!, data);
    const plan = plans[i]!;
    normalizePixels(applyPlan({ ...stored, data }, plan, size).data, part(i), normalization);
    if (plan.erase !== undefined) eraseBox(part(i), size.width, plan.erase);
    onPicture?.();
  }
  if (mixes.every((mix) => mix === undefined)) return;
  // The last picture is mixed with the first as it was.
  const first = part(0).slice();
  for (const [i, mix] of mixes.entries()) {
    if (mix !== undefined) mixPixels(part(i), i + 1 < indices.length ? part(i + 1) : first, size.width, mix);
  }
}
