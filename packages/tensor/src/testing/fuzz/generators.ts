import type { Generator } from './Call.js';
import { arrangementCalls } from './calls/arrangements.js';
import { backwardCalls } from './calls/backwardKernels.js';
import { cacheCalls } from './calls/caches.js';
import { convolutionCalls } from './calls/convolutions.js';
import { elementwiseCalls } from './calls/elementwise.js';
import { functionCalls } from './calls/functions.js';
import { fusedOpCalls } from './calls/fusedOps.js';
import { imageCalls } from './calls/images.js';
import { indexingCalls } from './calls/indexing.js';
import { optimizerCalls } from './calls/optimizers.js';
import { productCalls } from './calls/products.js';
import { reductionCalls } from './calls/reductions.js';
import { textCalls } from './calls/texts.js';

/** The generators of calls, at least one for each kernel of the backend. */
export const generators: readonly Generator[] = [
  ...elementwiseCalls,
  ...reductionCalls,
  ...arrangementCalls,
  ...indexingCalls,
  ...productCalls,
  ...convolutionCalls,
  ...imageCalls,
  ...textCalls,
  ...functionCalls,
  ...fusedOpCalls,
  ...optimizerCalls,
  ...cacheCalls,
  ...backwardCalls,
];
