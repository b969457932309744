import { registerBackend } from './backend/registerBackend.js';
import { registerGradients } from './gradients/registerGradients.js';
import { registerFileHandlers } from './io/files.js';

registerBackend();
registerGradients();
registerFileHandlers();

export { canCapture, captureKernels, type CaptureInputs, type CaptureResult } from './capture/captureKernels.js';
export { CapturedKernels } from './capture/CapturedKernels.js';
export { captureFunction, type CaptureFunctionOptions, type CapturedFunction } from './capture/captureFunction.js';
export { haveSameBits } from './capture/haveSameBits.js';
export { linkableKernels, overwritableInputs } from './capture/linkableKernels.js';
export { linkKernel, type LinkedKernel, type LinkKernelOptions, type TensorForm } from './capture/linkKernel.js';
export { callHost, type HostCall } from './host/callHost.js';
export { flatten, type Flattened, type Leaf } from './containers/flatten.js';
export { backendName } from './backend/kernel.js';
export { findAddon } from './addon/loadAddon.js';
export { useBackend, type BackendOptions, type BackendReport, type Precision } from './useBackend/useBackend.js';
export type { CompiledFunction, CompileFunction } from './useBackend/CompileFunction.js';
export { canMeasureMemory, freeTensorCache, stepMemory, tensorMemory, type TensorMemory } from './memory/stepMemory.js';
export { overwrite } from './variables/overwrite.js';
export { valueAndGrads, type ValueAndGradsOptions } from './autodiff/valueAndGrads.js';
export { holdForGradient } from './autodiff/holdForGradient.js';
export { isRunningAgain, memo, recomputed, type Memo, type RecomputedOptions } from './autodiff/recomputed.js';
export { philox4x32 } from './random/philox.js';
export { RandomStream, type RandomStreamState } from './random/RandomStream.js';
export {
  randomNormal,
  randomNormalKernel,
  randomUniform,
  randomUniformKernel,
  type RandomNormalAttributes,
  type RandomNormalOptions,
  type RandomOptions,
  type RandomUniformAttributes,
} from './random/randomTensors.js';
export { seedTensor, type Seed } from './random/Seed.js';
export { drawToken, type DrawOptions } from './sampling/drawToken.js';
export { attention, attentionComposed, attentionKernels, type AttentionOptions } from './ops/attention.js';
export { RecurrentCache } from './cache/RecurrentCache.js';
export { KeyValueCache } from './cache/KeyValueCache.js';
export {
  cachedAttention,
  positionsOf,
  rotateRows,
  type CachedAttentionOptions,
  type CachedPart,
} from './ops/cachedAttention.js';
export {
  gatedDeltaRule,
  type GatedDeltaInputs,
  type GatedDeltaOptions,
  type GatedDeltaResult,
} from './ops/gatedDeltaRule.js';
export { cachedDeltaRule, type RecurrentPart } from './ops/cachedDeltaRule.js';
export { deltaHeads, type DeltaRows, type DeltaSizes, type DeltaState } from './ops/deltaHeads.js';
export { causalConvolution } from './ops/causalConvolution.js';
export { rotateComposed, type Rope, type RopeStyle } from './ops/rope.js';
export {
  AdamW,
  type AdamWOptions,
  type AdamWStepOptions,
  type AdamWUpdateOptions,
  type MomentFormat,
  momentFormats,
} from './optim/adamW.js';
export { clipScale } from './optim/clipScale.js';
export { globalNorm } from './optim/globalNorm.js';
export { isWeight } from './optim/isWeight.js';
export { Muon, type MuonOptions } from './optim/muon.js';
export type { MatrixSlices, SlicedMatrices } from './optim/slicedMatrices.js';
export { orthogonalize } from './optim/orthogonalize.js';
export {
  activateComposed,
  activations,
  gluComposed,
  type Activation,
  type ClampedGlu,
  type ExpertActivation,
} from './ops/activation.js';
export { dropout, dropoutComposed, type DropoutOptions } from './ops/dropout.js';
export { embedding, embeddingComposed } from './ops/embedding.js';
export { layerNorm, layerNormComposed, type NormOptions } from './ops/layerNorm.js';
export { linear, linearComposed, type LinearOptions } from './ops/linear.js';
export { mergedLinear, mergedLinearComposed, type LinearLayer } from './ops/mergedLinear.js';
export { mlp, mlpComposed, type MlpOptions, type MlpWeights } from './ops/mlp.js';
export { rmsNorm, rmsNormComposed } from './ops/rmsNorm.js';
export {
  linearCrossEntropy,
  linearCrossEntropyComposed,
  type LinearCrossEntropyOptions,
} from './ops/linearCrossEntropy.js';
export {
  softmaxCrossEntropy,
  softmaxCrossEntropyComposed,
  type CrossEntropyOptions,
} from './ops/softmaxCrossEntropy.js';
export { splitRows, splitRowsComposed } from './ops/splitRows.js';
export { swiglu, swigluComposed } from './ops/swiglu.js';
export {
  layOutSafetensors,
  lazilyMapped,
  openSafetensors,
  readSafetensors,
  registerFileHandlers,
  writeSafetensors,
  type DeferredTensor,
  type ElementRange,
  type LazilyMapped,
  type MappedNumbers,
  type ReadMemory,
  type SafetensorsFile,
  type SafetensorsLayout,
  type WritableTensor,
} from './io/files.js';
export { toWeightFormat } from './weights/toWeightFormat.js';
export { weightFormats, type WeightFormat } from './weights/roundToFormat.js';
export { nextTurn } from './eventLoop/nextTurn.js';
export { copyBf16, copyBytes } from './io/copyBytes.js';
export { placeMatrix, type MatrixPlace } from './io/placeMatrix.js';
export { tensorOver } from './io/tensorOver.js';
export { bytesToSettle, settleWeight } from './io/settleWeight.js';
export { keepsTransposed, transposedOver, type TransposedMatrix } from './io/transposedOver.js';
export { SafetensorsError, type SafetensorsArray, type SafetensorsDtype } from './io/safetensorsHeader.js';
export { toFloat32, toTensor, type StoredTensor } from './io/storedTensor.js';
export { isRecording, withoutRecording } from './autodiff/recording.js';
export { stopGradient } from './autodiff/stopGradient.js';
export {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  type DecayOptions,
  type Schedule,
  type WarmupOptions,
} from './optim/schedules.js';
export { decode, decodeComposed } from './ops/decode.js';
export {
  dispatchPlan,
  type CapacityOrder,
  type DispatchPlan,
  type DispatchPlanOptions,
  type DropPolicy,
} from './ops/dispatchPlan.js';
export { encode, encodeComposed, type EncodeOptions } from './ops/encode.js';
export {
  groupedFfn,
  groupedFfnComposed,
  groupedKernels,
  type GroupedFfnAttributes,
  type GroupedFfnOptions,
  type SwigluExperts,
  type TwoLayerExperts,
} from './ops/groupedFfn.js';
export { groupedFfnBackward, groupedFfnForward, type GroupedFfnInputs } from './ops/groupedFfnPasses.js';
export { hasStaticShapes, withStaticShapes } from './ops/staticShapes.js';
export { route, type Route, type RouteOptions, type ScoreFunction } from './ops/route.js';
