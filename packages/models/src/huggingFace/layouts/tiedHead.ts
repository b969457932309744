import type { PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder } from '../folder/viewFolder.js';

/** Names of the two tensors that tied embeddings make one. */
export interface TiedNames {
  embedding: string;
  head: string;
}

/**
 * What a folder whose configuration ties embedding and head holds of the two. Either half alone is the whole; both are one
 * where they are equal. Where they differ the head counts and the two are not tied, as in transformers 5, which saves such
 * folders itself after a head was replaced.
 *
 * @returns the folder with the embedding under its name, and whether the two are tied
 */
export async function readTie(
  folder: PretrainedFolder,
  { embedding, head }: TiedNames,
  prefix = '',
): Promise<{ folder: PretrainedFolder; isTied: boolean }> {
  const tensors = tensorsOf(folder);
  const bare = embedding.startsWith(prefix) ? embedding.slice(prefix.length) : embedding;
  const first = tensors.get(embedding) ?? tensors.get(bare);
  const second = tensors.get(head);
  if (second === undefined) return { folder, isTied: true };
  if (first === undefined) {
    tensors.set(embedding, second);
    tensors.delete(head);
    return { folder: viewFolder(folder, tensors), isTied: true };
  }
  const isSameForm = first.dtype === second.dtype && first.shape.join() === second.shape.join();
  const isTied = isSameForm && bytesOf(await first.read()).equals(bytesOf(await second.read()));
  if (isTied) tensors.delete(head);
  return { folder: viewFolder(folder, tensors), isTied };
}

function bytesOf({ data }: Awaited<ReturnType<PretrainedFolder['read']>>): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
