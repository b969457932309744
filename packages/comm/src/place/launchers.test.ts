import { recorded, type Recorded } from '../testing/recordedLaunchers.js';
import { findPlace } from './findPlace.js';
import { otherLauncher } from './otherLauncher.js';
import { PlaceError } from './PlaceError.js';
import type { Environment } from './Variables.js';

const token = { SCMOE_TOKEN: 'secret' };
const second = { rank: 1, worldSize: 2, localRank: 1, localWorldSize: 2 };

describe('a process started by', () => {
  it.each<[Recorded, object]>([
    [recorded.openMpi4, { ...second, source: 'Open MPI' }],
    [recorded.openMpi5, { ...second, source: 'Open MPI' }],
    [recorded.mpich, { ...second, source: 'MPICH (PMI)' }],
    [recorded.gforker, { ...second, source: 'MPICH (PMI)' }],
    [recorded.srun, { ...second, source: 'Slurm' }],
    [recorded.srunPmi2, { ...second, source: 'Slurm' }],
    [recorded.srunPmix, { ...second, source: 'Slurm' }],
    [recorded.mpirunInBatch, { ...second, source: 'Open MPI' }],
  ])('$launcher knows its place', ({ env }, place) => {
    const found = findPlace({ ...env, ...token });
    expect(found).toMatchObject(place);
    expect(found.note).toBeUndefined();
    expect(otherLauncher(env)).toMatch(/^(Open MPI|MPICH \(PMI\)|Slurm) \(.*=1, .*=2\)$/);
  });

  it('torchrun knows its place, and meets the others beside the port that torchrun itself uses', () => {
    const found = findPlace({ ...recorded.torchrun.env, ...token });
    expect(found).toMatchObject({ ...second, source: 'torchrun', rendezvous: { host: 'localhost', port: 34558 } });
    expect(found.note).toBeUndefined();
  });

  it.each<[Recorded]>([[recorded.sbatch], [recorded.salloc]])('$launcher is alone', ({ env }) => {
    expect(findPlace(env)).toMatchObject({ rank: 0, worldSize: 1, source: 'alone' });
    expect(otherLauncher(env)).toBeUndefined();
  });

  it.each<[Recorded, RegExp]>([
    [
      recorded.prterun,
      /^PMIX_RANK=1 says that prterun started .* one of several.* mpirun of Open MPI, or set WORLD_SIZE/,
    ],
    [recorded.mpichPmiPort, /^PMI_ID=1 says that an mpiexec started .* one of several.*: leave out -pmi-port, or set/],
  ])('$launcher is not alone, even if nobody says how many there are', ({ env }, message) => {
    expect(() => findPlace({ ...env, ...token })).toThrow(PlaceError);
    expect(() => findPlace({ ...env, ...token })).toThrow(message);
    expect(otherLauncher(env)).toMatch(message);
    expect(findPlace({ ...env, ...token, WORLD_SIZE: '2' })).toMatchObject(second);
  });

  it('Open MPI on several hosts is told that mpirun hands variables on by -x alone', () => {
    const { env } = recorded.openMpiFarHost;
    expect(() => findPlace(env)).toThrow(/SCMOE_TOKEN is not set: .* handed to the other hosts: mpirun -x SCMOE_TOKEN/);
    expect(() => findPlace({ ...env, ...token })).toThrow(
      /MASTER_ADDR is not set: .* on several hosts .* handed to the other hosts: mpirun -x MASTER_ADDR/,
    );
    expect(() => findPlace(recorded.openMpi5.env)).toThrow(/SCMOE_TOKEN is not set(?!.*-x)/);
  });
});

describe('of two launchers the nearer one counts, and a note says so', () => {
  it.each<[string, Environment, object, string]>([
    [
      'mpirun in a step of Slurm',
      recorded.mpirunInStep.env,
      second,
      'Open MPI (OMPI_COMM_WORLD_RANK=1, OMPI_COMM_WORLD_SIZE=2) counts, the nearer launcher, and not ' +
        'Slurm (SLURM_PROCID=0, SLURM_STEP_NUM_TASKS=1) around it',
    ],
    [
      'mpiexec, which uses srun for its own helpers',
      recorded.mpiexecInBatch.env,
      second,
      'MPICH (PMI) (PMI_RANK=1, PMI_SIZE=2) counts, the nearer launcher, and not ' +
        'Slurm (SLURM_PROCID=0, SLURM_STEP_NUM_TASKS=1) around it',
    ],
    [
      'torchrun in each task of Slurm',
      {
        ...recorded.srun.env,
        ...{ TORCHELASTIC_RUN_ID: 'x', RANK: '5', WORLD_SIZE: '8', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '4' },
        ...{ MASTER_ADDR: 'vm', MASTER_PORT: '29400' },
      },
      { rank: 5, worldSize: 8, localRank: 1, localWorldSize: 4, source: 'torchrun' },
      'torchrun (RANK=5, WORLD_SIZE=8) counts, the nearer launcher, and not ' +
        'Slurm (SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=2) around it',
    ],
    [
      'several processes that somebody starts in each task',
      { ...recorded.srun.env, RANK: '5', WORLD_SIZE: '8', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '4', MASTER_ADDR: 'vm' },
      { rank: 5, worldSize: 8 },
      'RANK, WORLD_SIZE, LOCAL_RANK (RANK=5, WORLD_SIZE=8) counts, the nearer launcher, and not ' +
        'Slurm (SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=2) around it',
    ],
  ])('%s', (_, env, place, note) => {
    expect(findPlace({ ...env, ...token })).toMatchObject({ ...place, note });
  });
});

describe('numbers set by hand beside a launcher', () => {
  it('that are the same leave which ranks share a host to whoever says it', () => {
    const plain = { ...recorded.srun.env, RANK: '1', WORLD_SIZE: '2', ...token };
    expect(findPlace(plain)).toMatchObject({ ...second, source: 'Slurm' });
    expect(findPlace({ ...plain, LOCAL_RANK: '0', LOCAL_WORLD_SIZE: '1', MASTER_ADDR: 'vm' })).toMatchObject({
      ...{ rank: 1, worldSize: 2, localRank: 0, localWorldSize: 1 },
      source: 'RANK, WORLD_SIZE, LOCAL_RANK',
    });
  });

  it.each<[string, Environment, RegExp]>([
    [
      'a world of one, left over from elsewhere',
      { ...recorded.openMpi4.env, RANK: '0', WORLD_SIZE: '1', LOCAL_RANK: '0' },
      /\(RANK=0, WORLD_SIZE=1\) and Open MPI \(OMPI_COMM_WORLD_RANK=1, OMPI_COMM_WORLD_SIZE=2\) contradict each other/,
    ],
    [
      'a world of one without a local rank',
      { ...recorded.mpich.env, RANK: '0', WORLD_SIZE: '1' },
      /\(RANK=0, WORLD_SIZE=1\) and MPICH \(PMI\) \(PMI_RANK=1, PMI_SIZE=2\) contradict each other/,
    ],
    [
      'the same rank for every task',
      { ...recorded.srun.env, RANK: '0', WORLD_SIZE: '2' },
      /\(RANK=0, WORLD_SIZE=2\) and Slurm \(SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=2\) contradict each other/,
    ],
    [
      'ranks of prterun',
      { ...recorded.prterun.env, RANK: '0', WORLD_SIZE: '2' },
      /\(RANK=0, WORLD_SIZE=2\) and PMIx \(prterun\) \(PMIX_RANK=1, WORLD_SIZE=2\) contradict each other/,
    ],
  ])('that are others are refused: %s', (_, env, message) => {
    expect(() => findPlace({ ...env, ...token })).toThrow(PlaceError);
    expect(() => findPlace({ ...env, ...token })).toThrow(message);
  });
});
