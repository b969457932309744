import type { Functions } from '../Signature.js';
import { communicator } from './communicator.js';
import { gloo } from './gloo.js';
import { nccl } from './nccl.js';

/** The tables by the header that each becomes: signatures/comm/gloo.h, ... */
export const commSignatures = { communicator, gloo, nccl } as const;

/** What every engine's addon has. */
export type CommFunctions = Functions<typeof communicator>;
/** The functions of scmoe_comm_gloo.node. */
export type GlooFunctions = CommFunctions & Functions<typeof gloo>;
/** The functions of scmoe_comm_nccl.node. */
export type NcclFunctions = CommFunctions & Functions<typeof nccl>;
