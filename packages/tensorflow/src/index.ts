export { attribute, type Attribute, type Attributes, type EncodedAttribute } from './binding/Attribute.js';
export { type DataType, type TensorData } from './binding/dataTypes.js';
export type {
  ContextOptions,
  Device,
  Executor,
  Graph,
  GraphFunctionOptions,
  GraphOperation,
  GraphOperationOptions,
  GraphTensor,
  OperationInput,
  TensorFlowBinding,
  TensorHandle,
} from './binding/TensorFlowBinding.js';
export { findTensorFlow, type FoundTensorFlow, type InstalledTensorFlow } from './install/findTensorFlow.js';
export { openTensorFlow } from './install/openTensorFlow.js';
export { backendName } from './backend/kernel.js';
export { registerBackend } from './backend/registerBackend.js';
export { TensorFlowBackend, type Argument, type ProductPrecision } from './backend/TensorFlowBackend.js';
export { compileStep, type CompiledStep, type CompileStepOptions, type StepArgument } from './compile/compileStep.js';
