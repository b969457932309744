/**
 * Specs of TF.js's suite that a backend fails, by their names without the backend's, and why. Another spec that fails, or one of
 * these that passes, fails the run.
 */
export const knownFailures = {
  scmoe: {},
  tensorflow: {
    'avgPool gradient x=[3,3,1] f=[3,3] s=1 p=explicit':
      'TF.js divides by the whole window in the gradient, and by the pixels within the image in the mean itself. Here the ' +
      'gradient is that of the mean.',
    'conv2dTranspose input=8x8x8,output=4x4x8,f=8,s=1,inDepth=8,p=same vec4':
      'No image of 4 x 4 becomes one of 8 x 8 at stride 1: TensorFlow refuses what TF.js computes a part of.',
    'einsum 2d matrix calculate trace: duplicate axes not implemented yet': 'TensorFlow computes it.',
    'einsum nonexistent dimension throws error': "It throws, in TensorFlow's words.",
    'gather throws when index is out of bound': "It throws, in TensorFlow's words; on a GPU TensorFlow gives zeros.",
  },
};
