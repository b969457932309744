import * as tf from '@tensorflow/tfjs';

/** Uses a model inside a tidy, and disposes it. @returns what `use` does */
export function useModel<Model extends { dispose(): void }, T>(model: Model, use: (model: Model) => T): T {
  try {
    return tf.tidy(() => use(model) as unknown as tf.TensorContainer) as unknown as T;
  } finally {
    model.dispose();
  }
}
