type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The GPU of a process that is one of several on its host, by LOCAL_RANK, as torchrun, `scmoe launch` and others set it; the
 * first where there is no such number, or where a launcher has left each process one GPU to see.
 */
export function gpuOfRank(env: Environment = process.env): number {
  const rank = Number(env['LOCAL_RANK'] ?? 0);
  const visible = env['CUDA_VISIBLE_DEVICES'];
  const seesOne = visible !== undefined && !visible.includes(',');
  return seesOne || !Number.isInteger(rank) || rank < 0 ? 0 : rank;
}
