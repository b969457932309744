import { findNccl } from '../engine/nccl.js';

/**
 * Lets NCCL, which wants a GPU for each rank, run several on one: for correctness alone, what is timed so means nothing.
 * From 2.30.3 a variable allows it; before, ranks that take each other for different hosts get away with it.
 */
export function shareGpu(): void {
  process.env['CUDA_VISIBLE_DEVICES'] = (process.env['CUDA_VISIBLE_DEVICES'] ?? '0').split(',')[0];
  const [major = 0, minor = 0, patch = 0] = (findNccl().nccl?.version ?? '').split('.').map(Number);
  if (major * 10000 + minor * 100 + patch >= 23003) {
    process.env['NCCL_MULTI_RANK_GPU_ENABLE'] = '1';
    return;
  }
  process.env['NCCL_HOSTID'] = `rank-${process.env['RANK']}`;
  process.env['NCCL_SOCKET_IFNAME'] = 'lo';
}
