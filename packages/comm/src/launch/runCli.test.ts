import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { programs } from '../testing/scmoe.js';
import { ranksPerHost } from './ranksPerHost.js';
import { readFlags, type LaunchFlags } from './readFlags.js';
import { runCli } from './runCli.js';

const { folder, script } = programs();

async function scmoe(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = ['', ''];
  const [out, err] = [0, 1].map(
    (i) =>
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          texts[i] += chunk.toString();
          done();
        },
      }),
  );
  const code = await runCli(args, { out: out!, err: err! });
  return { code, out: texts[0]!, err: texts[1]! };
}

describe('a wrong command line exits with 2 and says', () => {
  it.each<[string, string[], RegExp]>([
    ['which option is unknown', ['launch', '--nonsense', 'x'], /unknown option '--nonsense'/],
    ['which command is unknown', ['fly'], /unknown command 'fly'/],
    ['that there is nothing to run', ['launch', '-n', '2'], /missing required argument 'command'/],
    ['what -n may be', ['launch', '-n', '0', 'x'], /'0' is invalid. Expected a whole number from 1 to 9999, or auto/],
    [
      'what --nnodes may be',
      ['launch', '--nnodes', '1.5', 'x'],
      /'1.5' is invalid. Expected a whole number of at least 1/,
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

describe('where the store listens', () => {
  const flags: LaunchFlags = {
    nprocPerNode: 1,
    nnodes: 1,
    nodeRank: 0,
    token: 'secret',
    maxRestarts: 0,
    rdzvTimeout: 1,
    gracePeriod: 1,
    stopTimeout: 1,
  };
  it.each<[string, Partial<LaunchFlags>, NodeJS.ProcessEnv, object]>([
    ['loopback by default', {}, {}, { bind: '127.0.0.1', endpoint: { host: '127.0.0.1', port: 0 } }],
    ['loopback for a loopback endpoint', { rdzvEndpoint: { host: 'localhost', port: 5 } }, {}, { bind: '127.0.0.1' }],
    ['the address of the endpoint', { rdzvEndpoint: { host: '10.0.0.1', port: 5 } }, {}, { bind: '10.0.0.1' }],
    ['every address for a name', { rdzvEndpoint: { host: 'node0', port: 5 } }, {}, { bind: '0.0.0.0' }],
    ['where --bind says', { bind: '10.0.0.2', rdzvEndpoint: { host: 'node0', port: 5 } }, {}, { bind: '10.0.0.2' }],
    [
      'at MASTER_ADDR:MASTER_PORT for several hosts',
      { nnodes: 2 },
      { MASTER_ADDR: 'job-0', MASTER_PORT: '23456' },
      { endpoint: { host: 'job-0', port: 23456 }, bind: '0.0.0.0' },
    ],
    [
      'at every address where the first pod of a job is told that it is localhost',
      { nnodes: 2 },
      { MASTER_ADDR: 'localhost', MASTER_PORT: '23456', KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      { endpoint: { host: 'localhost', port: 23456 }, bind: '0.0.0.0' },
    ],
  ])('%s', (_, given, env, expected) => {
    expect(readFlags(['x'], { ...flags, ...given }, env)).toMatchObject(expected);
  });

  it('with a token of its own on one host, another each time', () => {
    const { token: _token, ...rest } = flags;
    const tokens = [readFlags(['x'], rest, {}).token, readFlags(['x'], rest, {}).token];
    expect(tokens[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(tokens[0]).not.toBe(tokens[1]);
  });
});

describe('-n auto', () => {
  it('is at least one, and a GPU that is hidden does not count', () => {
    expect(ranksPerHost({})).toBeGreaterThanOrEqual(1);
    expect(ranksPerHost({ CUDA_VISIBLE_DEVICES: '' })).toBeGreaterThanOrEqual(1);
  });
});

describe('scmoe engines', () => {
  it('says of each engine whether it can be used here, or why not', async () => {
    const { code, out } = await scmoe('engines');
    expect(out).toMatch(/^self {2}yes: /);
    expect(out).toMatch(/^gloo {2}(yes: .+scmoe_comm_gloo.node|no: .+)$/m);
    expect(out).toMatch(/^nccl {2}(yes: .+|no: .+)$/m);
    expect(code).toBe(0);
  });
});

describe('scmoe flight-recorder', () => {
  const entry = (sequence: number, call: string, state: string, startedMs: number) => ({
    sequence,
    call,
    state,
    startedMs,
    waitingFor: [],
  });
  const record = (rank: number, reason: string, entries: object[]) =>
    JSON.stringify({ version: 1, group: 'world', rank, size: 2, reason, writtenMs: 1, entries });

  it('names the rank that never came', async () => {
    const records = join(folder, 'records');
    mkdirSync(records);
    const done = entry(0, 'barrier', 'done', 5);
    writeFileSync(join(records, 'a.json'), record(0, 'timed out', [done, entry(1, 'allReduce sum', 'running', 9)]));
    writeFileSync(join(records, 'b.json'), record(1, 'rank 0 gave up', [done]));
    const { code, out } = await scmoe('flight-recorder', records);
    expect(out).toMatch(/^group world, 2 ranks:\n {2}rank 0: timed out\n {2}rank 1: rank 0 gave up\n/);
    expect(out).toMatch(/=> rank 1 never entered collective 1: rank 0 called allReduce sum/);
    expect(code).toBe(0);
  });

  it.each<[string, () => string, RegExp]>([
    ['a folder that is not there', () => join(folder, 'no'), /Can't read .*no.*ENOENT/],
    [
      'a folder without records',
      () => (mkdirSync(join(folder, 'empty')), join(folder, 'empty')),
      /empty holds no records/,
    ],
    [
      'a file that is none',
      () => {
        mkdirSync(join(folder, 'bad'));
        return join(script('bad/x.json', '{"group":1}'), '..');
      },
      /x.json is no flight record: expected group, rank, size and entries/,
    ],
    [
      'a file that is broken',
      () => {
        mkdirSync(join(folder, 'broken'));
        return join(script('broken/x.json', '{'), '..');
      },
      /x.json is no flight record/,
    ],
  ])('refuses %s', async (_, make, message) => {
    const { code, err } = await scmoe('flight-recorder', make());
    expect(err).toMatch(message);
    expect(code).toBe(1);
  });
});
