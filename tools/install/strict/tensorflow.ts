import { attribute, findTensorFlow, registerBackend, type TensorFlowBinding } from '@scmoe/tensorflow';
import * as tf from '@tensorflow/tfjs';

const { installed, problem } = findTensorFlow();
if (installed === undefined) throw new Error(problem);
const binding: TensorFlowBinding = registerBackend({ threads: 1 });
await tf.setBackend('tensorflow');
const one = binding.createTensor('float32', [1], Float32Array.of(1));
const [rounded] = binding.execute('Cast', [one.id], { DstT: attribute.type('bfloat16') });
console.log(binding.version, rounded?.shape);
