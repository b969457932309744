import { findPlace } from './findPlace.js';
import { PlaceError } from './PlaceError.js';
import { firstSlurmHost } from './slurmRanks.js';
import type { Environment } from './Variables.js';

const shared = { SCMOE_TOKEN: 'secret', MASTER_ADDR: '10.0.0.1', MASTER_PORT: '29400' };
const byRank0 = { host: '10.0.0.1', port: 29401, token: 'secret', servedBy: 'rank 0', bind: '0.0.0.0' };

describe('findPlace', () => {
  it.each<[string, Environment, object]>([
    ['alone', {}, { rank: 0, worldSize: 1, localRank: 0, localWorldSize: 1, restartCount: 0, source: 'alone' }],
    [
      'scmoe launch, inside of any other launcher',
      {
        ...shared,
        SCMOE_RENDEZVOUS: '10.0.0.9:4000',
        SCMOE_RESTART_COUNT: '2',
        RANK: '3',
        WORLD_SIZE: '4',
        LOCAL_RANK: '1',
        LOCAL_WORLD_SIZE: '2',
        SLURM_PROCID: '0',
        SLURM_NTASKS: '1',
        OMPI_COMM_WORLD_RANK: '0',
        JOB_COMPLETION_INDEX: '7',
      },
      {
        rank: 3,
        worldSize: 4,
        localRank: 1,
        localWorldSize: 2,
        restartCount: 2,
        source: 'scmoe launch',
        rendezvous: { host: '10.0.0.9', port: 4000, token: 'secret', servedBy: 'launcher', bind: '10.0.0.9' },
      },
    ],
    [
      'torchrun, inside of a Slurm job and of a PyTorchJob',
      {
        ...shared,
        TORCHELASTIC_RUN_ID: 'x',
        TORCHELASTIC_RESTART_COUNT: '1',
        RANK: '9',
        WORLD_SIZE: '16',
        LOCAL_RANK: '1',
        LOCAL_WORLD_SIZE: '8',
        SLURM_PROCID: '1',
        SLURM_NTASKS: '2',
        SLURM_LOCALID: '0',
        PET_NNODES: '2',
      },
      {
        rank: 9,
        worldSize: 16,
        localRank: 1,
        localWorldSize: 8,
        restartCount: 1,
        source: 'torchrun',
        rendezvous: byRank0,
      },
    ],
    [
      'mpirun of Open MPI',
      {
        ...shared,
        OMPI_COMM_WORLD_RANK: '2',
        OMPI_COMM_WORLD_SIZE: '4',
        OMPI_COMM_WORLD_LOCAL_RANK: '0',
        OMPI_COMM_WORLD_LOCAL_SIZE: '2',
      },
      { rank: 2, worldSize: 4, localRank: 0, localWorldSize: 2, source: 'Open MPI', rendezvous: byRank0 },
    ],
    [
      'mpirun of Open MPI on one host, which needs no address',
      {
        SCMOE_TOKEN: 'secret',
        OMPI_COMM_WORLD_RANK: '1',
        OMPI_COMM_WORLD_SIZE: '2',
        OMPI_COMM_WORLD_LOCAL_RANK: '1',
        OMPI_COMM_WORLD_LOCAL_SIZE: '2',
      },
      { rank: 1, localRank: 1, rendezvous: { host: '127.0.0.1', port: 29501, bind: '127.0.0.1', servedBy: 'rank 0' } },
    ],
    [
      'mpirun of MPICH',
      { ...shared, PMI_RANK: '3', PMI_SIZE: '4', MPI_LOCALRANKID: '1', MPI_LOCALNRANKS: '2' },
      { rank: 3, worldSize: 4, localRank: 1, localWorldSize: 2, source: 'MPICH (PMI)', rendezvous: byRank0 },
    ],
    [
      'a PMI that says nothing of hosts: one host',
      { SCMOE_TOKEN: 'secret', PMI_RANK: '1', PMI_SIZE: '2' },
      { rank: 1, worldSize: 2, localRank: 1, localWorldSize: 2, rendezvous: { host: '127.0.0.1' } },
    ],
    [
      'srun over nodes of different sizes, with the address of the first node and a port of the job',
      {
        SCMOE_TOKEN: 'secret',
        SLURM_JOB_ID: '1234567',
        SLURM_STEP_ID: '0',
        SLURM_PROCID: '6',
        SLURM_NTASKS: '7',
        SLURM_LOCALID: '0',
        SLURM_NODEID: '3',
        SLURM_TASKS_PER_NODE: '2(x3),1',
        SLURM_JOB_NODELIST: 'gpu[03-05,9],big1',
      },
      {
        rank: 6,
        worldSize: 7,
        localRank: 0,
        localWorldSize: 1,
        source: 'Slurm',
        rendezvous: { host: 'gpu03', port: 19568, bind: '::' },
      },
    ],
    [
      'a step with fewer tasks than its job',
      {
        ...shared,
        SLURM_JOB_ID: '1',
        SLURM_STEP_ID: '2',
        SLURM_PROCID: '1',
        SLURM_NTASKS: '8',
        SLURM_STEP_NUM_TASKS: '2',
        SLURM_LOCALID: '1',
      },
      { rank: 1, worldSize: 2, localRank: 1, localWorldSize: 2, source: 'Slurm', rendezvous: { host: '10.0.0.1' } },
    ],
    [
      'a batch script of Slurm, outside of srun: alone',
      { SLURM_JOB_ID: '1', SLURM_PROCID: '0', SLURM_NTASKS: '8', SLURM_LOCALID: '0' },
      { rank: 0, worldSize: 1, source: 'alone' },
    ],
    [
      'an indexed job of Kubernetes',
      { ...shared, MASTER_ADDR: 'train-0.train', JOB_COMPLETION_INDEX: '2', WORLD_SIZE: '4' },
      {
        rank: 2,
        worldSize: 4,
        localRank: 0,
        localWorldSize: 1,
        source: 'Kubernetes indexed job',
        rendezvous: { host: 'train-0.train', port: 29401, bind: '::' },
      },
    ],
    [
      'an indexed job whose indices are runs of their own',
      { JOB_COMPLETION_INDEX: '0', WORLD_SIZE: '1' },
      { rank: 0, worldSize: 1, source: 'Kubernetes indexed job' },
    ],
    [
      'a PyTorchJob, whose RANK is that of the node; its first pod calls itself localhost',
      { ...shared, MASTER_ADDR: 'localhost', RANK: '0', WORLD_SIZE: '3', PET_NNODES: '3', PET_NODE_RANK: '0' },
      {
        rank: 0,
        worldSize: 3,
        localRank: 0,
        localWorldSize: 1,
        source: 'Kubernetes PyTorchJob',
        rendezvous: { bind: '::' },
      },
    ],
    [
      'RANK and WORLD_SIZE alone: one rank a host',
      { ...shared, RANK: '1', WORLD_SIZE: '3' },
      { rank: 1, worldSize: 3, localRank: 0, localWorldSize: 1, source: 'RANK and WORLD_SIZE', rendezvous: byRank0 },
    ],
    [
      'a TrainJob of Kubeflow, which says PET_ alone',
      {
        SCMOE_TOKEN: 'secret',
        JOB_COMPLETION_INDEX: '1',
        PET_NNODES: '3',
        PET_NPROC_PER_NODE: '1',
        PET_NODE_RANK: '1',
        PET_MASTER_ADDR: 'job-node-0-0.job',
        PET_MASTER_PORT: '29500',
      },
      {
        rank: 1,
        worldSize: 3,
        localWorldSize: 1,
        source: 'Kubernetes TrainJob',
        rendezvous: { host: 'job-node-0-0.job', port: 29501, bind: '::' },
      },
    ],
    [
      'a bare IPv6 address of rank 0, as torchrun and Kubernetes give it',
      { ...shared, MASTER_ADDR: 'fd00:5c::1', RANK: '1', WORLD_SIZE: '3' },
      { rendezvous: { host: 'fd00:5c::1', port: 29401, bind: '::' } },
    ],
    [
      'the same in brackets',
      { ...shared, MASTER_ADDR: '[fd00:5c::1]', RANK: '1', WORLD_SIZE: '3' },
      { rendezvous: { host: 'fd00:5c::1', port: 29401, bind: '::' } },
    ],
    [
      'loopback in IPv6, where nobody else can reach it',
      { ...shared, MASTER_ADDR: '::1', RANK: '1', WORLD_SIZE: '3' },
      { rendezvous: { host: '::1', bind: '::1' } },
    ],
    ['empty variables, which count as not set', { RANK: '', WORLD_SIZE: ' ', SLURM_PROCID: '' }, { source: 'alone' }],
    [
      'an IPv6 endpoint',
      {
        SCMOE_RENDEZVOUS: '[::1]:4000',
        SCMOE_TOKEN: 't',
        RANK: '0',
        WORLD_SIZE: '1',
        LOCAL_RANK: '0',
        LOCAL_WORLD_SIZE: '1',
      },
      { rendezvous: { host: '::1', port: 4000 } },
    ],
  ])('%s', (_, env, expected) => {
    expect(findPlace(env)).toMatchObject(expected);
  });

  it('asks for no rendezvous in a world of one', () => {
    expect(findPlace({}).rendezvous).toBeUndefined();
    expect(findPlace({ RANK: '0', WORLD_SIZE: '1', LOCAL_RANK: '0' }).rendezvous).toBeUndefined();
  });
});

describe('firstSlurmHost', () => {
  it.each([
    ['node7', 'node7'],
    ['a,b', 'a'],
    ['gpu[03-05,9],big1', 'gpu03'],
    ['gpu[3],x', 'gpu3'],
    ['rack[1-2]node[08,10-12]-ib,z', 'rack1node08-ib'],
  ])('of %s is %s', (list, host) => {
    expect(firstSlurmHost(list)).toBe(host);
  });

  it('refuses what is no list', () => {
    expect(() => firstSlurmHost('[')).toThrow(/expected names such as/);
  });
});

const torch = { ...shared, RANK: '1', WORLD_SIZE: '2', LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2' };
const mpi = {
  SCMOE_TOKEN: 'secret',
  OMPI_COMM_WORLD_RANK: '0',
  OMPI_COMM_WORLD_SIZE: '4',
  OMPI_COMM_WORLD_LOCAL_RANK: '0',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
};
const slurm = { ...shared, SLURM_PROCID: '0', SLURM_NTASKS: '2', SLURM_LOCALID: '0' };

describe('variables that make no sense', () => {
  it.each<[string, Environment, RegExp]>([
    [
      'a rank beyond the world',
      { ...torch, RANK: '2' },
      /RANK=2 and WORLD_SIZE=2 contradict .*expected RANK below WORLD_SIZE/,
    ],
    ['a local rank beyond its host', { ...torch, LOCAL_RANK: '2', RANK: '1' }, /LOCAL_RANK=2 and LOCAL_WORLD_SIZE=2/],
    ['a host larger than the world', { ...torch, LOCAL_WORLD_SIZE: '3' }, /LOCAL_WORLD_SIZE=3 and WORLD_SIZE=2/],
    ['a local rank beyond the rank', { ...torch, RANK: '0' }, /LOCAL_RANK=1 and RANK=0 contradict/],
    ['a rank that is no number', { ...torch, RANK: 'one' }, /RANK=one: expected a whole number from 0/],
    ['a negative rank', { ...torch, RANK: '-1' }, /RANK=-1: expected a whole number/],
    ['a fraction', { ...torch, WORLD_SIZE: '2.0' }, /WORLD_SIZE=2.0: expected a whole number from 1/],
    ['a world of none', { ...torch, WORLD_SIZE: '0' }, /WORLD_SIZE=0: expected a whole number from 1/],
    ['a rank without a world', { RANK: '0' }, /WORLD_SIZE is not set: .*because RANK is set/],
    ['a world without a rank', { WORLD_SIZE: '2' }, /WORLD_SIZE=2 but RANK is not set/],
    ['a torchrun without a rank', { ...torch, RANK: undefined }, /RANK is not set/],
    [
      'no token',
      { ...torch, SCMOE_TOKEN: undefined },
      /SCMOE_TOKEN is not set: expected a secret that all ranks share/,
    ],
    ['a token of two words', { ...torch, SCMOE_TOKEN: 'a b' }, /SCMOE_TOKEN: expected 1 to 256 visible ASCII/],
    [
      'a port beyond all',
      { ...torch, MASTER_PORT: '65535' },
      /MASTER_PORT=65535: expected a whole number from 1 to 65534/,
    ],
    [
      'several hosts without an address',
      mpi,
      /MASTER_ADDR is not set: .*the 4 ranks \(OMPI_COMM_WORLD_SIZE\).*\(2 here\)/,
    ],
    [
      'half of Open MPI',
      { ...mpi, OMPI_COMM_WORLD_SIZE: undefined },
      /OMPI_COMM_WORLD_SIZE is not set: .*mpirun of Open MPI/,
    ],
    [
      'a PMI on several hosts without local numbers',
      { ...shared, PMI_RANK: '0', PMI_SIZE: '2' },
      /MASTER_ADDR=10.0.0.1 .*LOCAL_RANK/,
    ],
    [
      'tasks that are no counts',
      { ...slurm, SLURM_TASKS_PER_NODE: 'two' },
      /SLURM_TASKS_PER_NODE=two: expected counts such as/,
    ],
    [
      'a node beyond the list',
      { ...slurm, SLURM_TASKS_PER_NODE: '1', SLURM_NODEID: '1' },
      /SLURM_TASKS_PER_NODE=1 and SLURM_NODEID=1 contradict/,
    ],
    [
      'Slurm without its world',
      { ...slurm, SLURM_NTASKS: undefined },
      /SLURM_STEP_NUM_TASKS or SLURM_NTASKS or SLURM_NPROCS is not set/,
    ],
    ['an indexed job of unknown size', { JOB_COMPLETION_INDEX: '0' }, /WORLD_SIZE is not set: .*completions/],
    [
      'several ranks a pod without a launcher',
      { ...torch, LOCAL_RANK: undefined, PET_NNODES: '2', PET_NPROC_PER_NODE: '4' },
      /PET_NPROC_PER_NODE=4 asks for several ranks a pod.*scmoe launch/,
    ],
    ['an endpoint without a port', { ...torch, SCMOE_RENDEZVOUS: 'host' }, /SCMOE_RENDEZVOUS=host: expected host:port/],
    [
      'an endpoint with a bad port',
      { ...torch, SCMOE_RENDEZVOUS: 'host:0' },
      /SCMOE_RENDEZVOUS=host:0: expected host:port/,
    ],
    ['a bad number of restarts', { ...torch, SCMOE_RESTART_COUNT: 'x' }, /SCMOE_RESTART_COUNT=x/],
  ])('%s', (_, env, message) => {
    expect(() => findPlace(env)).toThrow(PlaceError);
    expect(() => findPlace(env)).toThrow(message);
  });
});
