import { jest } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';

/** Runs something that must not read a tensor on the host. @throws Error where it does */
export function withoutHostReads(run: () => void): void {
  const read = () => {
    throw new Error('read on the host');
  };
  const spies = (['dataSync', 'data', 'arraySync', 'array', 'bufferSync'] as const).map((method) =>
    jest.spyOn(tf.Tensor.prototype, method).mockImplementation(read),
  );
  try {
    run();
  } finally {
    spies.forEach((spy) => spy.mockRestore());
  }
}
