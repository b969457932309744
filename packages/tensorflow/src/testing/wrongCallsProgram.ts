// Calls every function of the addon wrongly, TensorFlow being open; see addon/nativeCalls.test.ts.
import { tensorFlowSignatures, tryWrongCalls } from '@scmoe/native/signatures/tables';

import { loadAddon } from '../addon/loadAddon.js';
import { NativeBinding } from '../binding/NativeBinding.js';
import { findTensorFlow } from '../install/findTensorFlow.js';

const addon = loadAddon();
const { installed, problem } = findTensorFlow();
if (!installed) throw new Error(problem);
const version = addon.tfOpen({ framework: installed.framework, library: installed.library, tf32: false });
const binding = new NativeBinding(addon, version, { gpu: 'none', threads: 1 });
const { id } = binding.createTensor('float32', [2, 2], Float32Array.of(1, 2, 3, 4));

// Attributes are read byte by byte: what is cut off or says a wrong length has to be refused, and never read beyond.
let state = 1;
const random = (below: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
const call = { inputs: Int32Array.of(id, id), numInputs: 2, groups: Int32Array.of(-1, -1), numGroups: 2 };
const results = new Int32Array(64);
for (let i = 0; i < 2000; i++) {
  const attributes = Uint8Array.from({ length: random(24) }, () => random(i % 2 === 0 ? 256 : 12));
  try {
    const operation = 'MatMul';
    addon.tfExecute({ operation, attributes, numAttributeBytes: attributes.length, ...call, results, capacity: 64 });
    addon.tfDelete({ id: results[0]! });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
if (addon.tfLive() !== 1) throw new Error(`one tensor was made and not deleted, ${addon.tfLive()} are there`);

const signatures = { ...tensorFlowSignatures.session, ...tensorFlowSignatures.graph };
tryWrongCalls(addon, signatures, { rightToo: false });
