import { copyBf16, copyBytes, layOutSafetensors, type WritableTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { type CheckpointContent, indexOf, tensorMetadata } from './CheckpointContent.js';
import { type CheckpointIndex, dataFile, modelFile, optimizerFile } from './CheckpointIndex.js';
import { storedState } from './storedState.js';

/** A checkpoint in host memory, as the bytes of its files: nothing that training does to the tensors changes it. */
export interface Snapshot {
  index: Omit<CheckpointIndex, 'files'>;
  /** Pieces of each file, by its name; in shared memory, so that a thread gets them without another copy. */
  files: Record<string, Uint8Array[]>;
}

/** Memory of snapshots, taken again for the next one: the same model has the same sizes. */
export class SnapshotMemory {
  private readonly buffers = new Map<string, SharedArrayBuffer>();

  /** Copies a checkpoint; what an earlier call has returned is overwritten. */
  async take(content: CheckpointContent): Promise<Snapshot> {
    const metadata = tensorMetadata(content);
    return {
      index: indexOf(content),
      files: {
        [modelFile]: await this.copyTensors(modelFile, content.parameters, { metadata }),
        [optimizerFile]: await this.copyTensors(optimizerFile, content.optimizer.state, {
          metadata,
          stored: storedState(content.optimizer),
        }),
        [dataFile]: [this.copy(dataFile, Buffer.from(JSON.stringify(content.dataDescription)))],
      },
    };
  }

  private async copyTensors(
    file: string,
    tensors: Record<string, tf.Tensor>,
    { metadata, stored = tensors }: { metadata: Record<string, string>; stored?: Record<string, WritableTensor> },
  ): Promise<Uint8Array[]> {
    const { header, names } = layOutSafetensors(stored, { metadata });
    const pieces = [this.copy(file, header)];
    for (const name of names) {
      const tensor = tensors[name]!;
      const isRounded = stored[name]!.dtype === 'BF16';
      const bytesEach = isRounded ? 2 : tf.util.bytesPerElement(tensor.dtype);
      const piece = this.memory(`${file}/${name}`, tensor.size * bytesEach);
      await (isRounded ? copyBf16 : copyBytes)(tensor, piece);
      pieces.push(piece);
    }
    return pieces;
  }

  private copy(key: string, bytes: Uint8Array): Uint8Array {
    const copy = this.memory(key, bytes.byteLength);
    copy.set(bytes);
    return copy;
  }

  private memory(key: string, bytes: number): Uint8Array {
    let buffer = this.buffers.get(key);
    if (buffer?.byteLength !== bytes) this.buffers.set(key, (buffer = new SharedArrayBuffer(bytes)));
    return new Uint8Array(buffer);
  }
}
