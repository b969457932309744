import * as tf from '@tensorflow/tfjs';

/** What GatherNd took from a place goes back there, added up where a place was taken twice. TF.js has no gradient. */
export const gatherNdGradient: tf.GradConfig = {
  kernelName: 'GatherNd',
  inputsToSave: ['params', 'indices'],
  gradFunc: (dy, [params, indices]) => ({
    params: () => {
      const shape = params!.shape;
      const depth = indices!.shape.at(-1)!;
      const updates = (dy as tf.Tensor).reshape([-1, ...shape.slice(depth)]);
      return tf.scatterND(indices!.reshape<tf.Tensor2D>([-1, depth]), updates, shape);
    },
    indices: () => tf.zeros(indices!.shape),
  }),
};

/** What ScatterNd put into a place comes from there. TF.js has no gradient. */
export const scatterNdGradient: tf.GradConfig = {
  kernelName: 'ScatterNd',
  inputsToSave: ['indices', 'updates'],
  gradFunc: (dy, [indices, updates]) => ({
    updates: () => {
      // A list of numbers is a list of places on the first axis.
      const places = indices!.rank === 1 ? indices!.expandDims(1) : indices!;
      return tf.gatherND(dy as tf.Tensor, places).reshape(updates!.shape);
    },
    indices: () => tf.zeros(indices!.shape),
  }),
};
