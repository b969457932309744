import { openOptions } from './communicator.js';

export const nccl = {
  /** Says as JSON what is here, and why what is missing is. */
  ncclProbe: { ncclCandidates: 'texts', driverCandidates: 'texts', '=>': 'text' },
  /** Gives the communicator's id; it waits for ncclSetId and a connect. */
  ncclOpen: { ...openOptions, ncclPath: 'text', driverPath: 'text', device: 'size 0..65535', '=>': 'number' },
  /** What all ranks of a group have to know, made by one of them. */
  ncclCreateId: { id: 'size', '=>': 'bytes' },
  ncclSetId: { id: 'size', bytes: 'uint8[128]' },
} as const;
