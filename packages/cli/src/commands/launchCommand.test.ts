import { scmoe } from '../testing/scmoe.js';
import { readFlags, type LaunchFlags } from './readFlags.js';

describe('a wrong command line of scmoe launch exits with 2 and says', () => {
  it.each<[string, string[], RegExp]>([
    ['which option is unknown', ['launch', '--nonsense', 'x'], /unknown option '--nonsense'/],
    ['that there is nothing to run', ['launch', '-n', '2'], /missing required argument 'command'/],
    ['what -n may be', ['launch', '-n', '0', 'x'], /'0' is invalid. Expected a whole number from 1 to 9999, or auto/],
    [
      'what --nnodes may be',
      ['launch', '--nnodes', '1.5', 'x'],
      /'1.5' is invalid. Expected a whole number from 1 to 9999999/,
    ],
    ['what an endpoint is', ['launch', '--rdzv-endpoint', 'host', 'x'], /'host' is invalid. Expected host:port/],
    ['what a token is', ['launch', '--token', 'a b', 'x'], /'a b' is invalid. Expected 1 to 256 visible ASCII/],
    ['what a time is', ['launch', '--rdzv-timeout', '-1', 'x'], /'-1' is invalid. Expected seconds|argument missing/],
    [
      'that node numbers begin at 0',
      ['launch', '--nnodes', '2', '--node-rank', '2', 'x'],
      /--node-rank 2 and --nnodes 2: expected a number below 2/,
    ],
    [
      'that one host is not several',
      ['launch', '--standalone', '--nnodes', '2', 'x'],
      /--standalone and --nnodes 2: expected one of them/,
    ],
    [
      'that several hosts need an endpoint',
      ['launch', '--nnodes', '2', '--token', 't', 'x'],
      /--nnodes 2 needs --rdzv-endpoint host:port/,
    ],
    [
      'that several hosts need a token, with one to use',
      ['launch', '--nnodes', '2', '--rdzv-endpoint', 'a:1', 'x'],
      /--nnodes 2 needs a secret .*SCMOE_TOKEN.*: [0-9a-f]{32}\./,
    ],
    ['which script is missing', ['launch', 'missing.mjs'], /there is no script missing.mjs/],
  ])('%s', async (_, args, message) => {
    const { code, err } = await scmoe(...args);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n +at /);
    expect(code).toBe(2);
  });

  it('and --help lists the flags', async () => {
    const { code, out } = await scmoe('launch', '--help');
    for (const flag of [
      '--nproc-per-node',
      '--nnodes',
      '--node-rank',
      '--rdzv-endpoint',
      '--standalone',
      '--max-restarts',
      '--log-dir',
    ]) {
      expect(out).toContain(flag);
    }
    expect(code).toBe(0);
  });
});

describe('where launchers meet', () => {
  const flags: LaunchFlags = {
    nprocPerNode: 1,
    nnodes: 2,
    nodeRank: 0,
    token: 'secret',
    maxRestarts: 0,
    rdzvTimeout: 1,
    gracePeriod: 1,
    stopTimeout: 1,
  };
  const master = { MASTER_ADDR: 'job-0', MASTER_PORT: '23456' };
  it.each<[string, Partial<LaunchFlags>, object | undefined, NodeJS.ProcessEnv?]>([
    ['is where --rdzv-endpoint says', { rdzvEndpoint: { host: 'a', port: 5 } }, { host: 'a', port: 5 }],
    ['is MASTER_ADDR:MASTER_PORT for several hosts', {}, { host: 'job-0', port: 23456 }],
    [
      'is PET_MASTER_ADDR:PET_MASTER_PORT in a TrainJob',
      {},
      { host: 'job-0', port: 29500 },
      { PET_MASTER_ADDR: 'job-0', PET_MASTER_PORT: '29500' },
    ],
    ...['fd00::7', '[fd00::7]'].map((MASTER_ADDR): [string, Partial<LaunchFlags>, object, NodeJS.ProcessEnv] => [
      `is an IPv6 address, ${MASTER_ADDR}`,
      {},
      { host: 'fd00::7', port: 23456 },
      { ...master, MASTER_ADDR },
    ]),
    ['is nowhere in particular on one host', { nnodes: 1 }, undefined],
    [
      'is loopback with --standalone',
      { nnodes: 1, standalone: true, bind: '10.0.0.1' },
      { host: '127.0.0.1', port: 0 },
    ],
  ])('%s', (_, given, endpoint, env = master) => {
    expect(readFlags(['x'], { ...flags, ...given }, env).endpoint).toEqual(endpoint);
  });
});
