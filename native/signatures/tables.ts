// For tests: what of a signature there is beside its types.
export { commSignatures } from './comm/index.js';
export { dtypes, parseSignature, type Argument, type Dtype } from './parseSignature.js';
export type { Signature, Signatures } from './Signature.js';
export { tensorSignatures } from './tensor/index.js';
export { tensorFlowSignatures } from './tensorflow/index.js';
export { tryWrongCalls, type TryOptions } from './tryWrongCalls.js';
export { rightArguments, wrongCalls, type WrongCall } from './wrongCalls.js';
