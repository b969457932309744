import type { Functions } from '../Signature.js';
import { adamw } from './adamw.js';
import { attention } from './attention.js';
import { binary } from './binary.js';
import { capture } from './capture.js';
import { convolution } from './convolution.js';
import { copy } from './copy.js';
import { crossEntropy } from './crossEntropy.js';
import { deltaRule } from './deltaRule.js';
import { embedding } from './embedding.js';
import { fourier } from './fourier.js';
import { image } from './image.js';
import { linear } from './linear.js';
import { moe } from './moe.js';
import { mergedLinear } from './mergedLinear.js';
import { mlp } from './mlp.js';
import { mappedFile } from './mappedFile.js';
import { norm } from './norm.js';
import { random } from './random.js';
import { reduce } from './reduce.js';
import { rows } from './rows.js';
import { runtime } from './runtime.js';
import { sampling } from './sampling.js';
import { storedWeight } from './storedWeight.js';
import { swiglu } from './swiglu.js';
import { transposedWeight } from './transposedWeight.js';
import { unary } from './unary.js';

/** The tables by the header that each becomes: signatures/tensor/attention.h, ... */
export const tensorSignatures = {
  adamw,
  attention,
  binary,
  capture,
  convolution,
  copy,
  crossEntropy,
  deltaRule,
  embedding,
  fourier,
  image,
  linear,
  mappedFile,
  mergedLinear,
  mlp,
  moe,
  norm,
  random,
  reduce,
  rows,
  runtime,
  sampling,
  storedWeight,
  swiglu,
  transposedWeight,
  unary,
} as const;

/** The functions of scmoe_tensor.node. */
export type TensorFunctions = Functions<
  typeof adamw &
    typeof attention &
    typeof binary &
    typeof capture &
    typeof convolution &
    typeof copy &
    typeof crossEntropy &
    typeof deltaRule &
    typeof embedding &
    typeof fourier &
    typeof image &
    typeof linear &
    typeof mappedFile &
    typeof mergedLinear &
    typeof mlp &
    typeof moe &
    typeof norm &
    typeof random &
    typeof reduce &
    typeof rows &
    typeof runtime &
    typeof sampling &
    typeof storedWeight &
    typeof swiglu &
    typeof transposedWeight &
    typeof unary
>;
