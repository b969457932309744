import type { Functions } from '../Signature.js';
import { graph } from './graph.js';
import { session } from './session.js';

/** The tables by the header that each becomes: signatures/tensorflow/session.h, ... */
export const tensorFlowSignatures = { graph, session } as const;

/** The functions of scmoe_tensorflow.node. */
export type TensorFlowFunctions = Functions<typeof graph> & Functions<typeof session>;
