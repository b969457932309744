import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromSource } from '@scmoe/testing';

import { scmoe, temporaryFiles } from './testing/scmoe.js';

const file = temporaryFiles();
const bin = join(import.meta.dirname, '..', 'bin', 'scmoe.mjs');

describe('a wrong command line exits with 2 and says', () => {
  it.each([
    [['simulate', '--share', '1.5'], /'1.5' is invalid. Expected a share from 0 to 0.99/],
    [['simulate', '--ranks', '2,x'], /'2,x' is invalid. Expected a whole number from 1 to 9999999/],
    [['simulate', '--mode', 'guess'], /'guess' is invalid. Expected train or infer/],
    [['simulate', '--timeline', 'x.gif'], /Expected a file name ending in .svg or .png/],
    [['timeline'], /missing required argument 'traces'/],
    [['fly'], /unknown command 'fly'[^]*\(--help lists the options\)/],
  ])('%j', async (args, message) => {
    const { code, err } = await scmoe(...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('--help', () => {
  it('exits with 0 and lists every command on one page', async () => {
    const { code, out } = await scmoe('--help');
    expect(code).toBe(0);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const commands = [...out.matchAll(/^ {2}([a-z-]+)(?= )/gm)].map(([, name]) => name);
    expect(commands).toEqual([
      'launch',
      'flight-recorder',
      'engines',
      'timeline',
      'plan',
      'simulate',
      'experts',
      'serve',
      'tensorflow',
      'help',
    ]);
  });

  it.each(['launch', 'flight-recorder', 'engines', 'timeline', 'simulate', 'experts', 'serve', 'tensorflow'])(
    'of %s lists its options',
    async (name) => {
      const { code, out } = await scmoe(name, '--help');
      expect(code).toBe(0);
      expect(out).toContain(`Usage: scmoe ${name}`);
    },
  );
});

describe('the program', () => {
  it('says its version', async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as object;
    expect(await scmoe('--version')).toMatchObject({ code: 0, out: `${(manifest as { version: string }).version}\n` });
  });

  it('launches ranks and ends with the code of the one that failed', () => {
    const args = ['launch', '-n', '2', '--', 'sh', '-c', 'echo $RANK of $WORLD_SIZE; exit $((RANK * 5))'];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [...fromSource, bin, ...args], {
      encoding: 'utf8',
      env,
    });
    expect(stdout.split('\n').sort()).toEqual(['', '[rank 0] 0 of 2', '[rank 1] 1 of 2']);
    expect(stderr).toMatch(/^scmoe: rank 1 failed first: exit status 5/);
    expect(status).toBe(5);
  });

  it.each([
    ['', /^scmoe: each launcher starts a run of its own here, .*: Slurm \(SLURM_PROCID=1, SLURM_NTASKS=2\)\. --nnodes/],
    ['--standalone', /^$/],
  ])('says that each task of another launcher starts a run of its own, unless that is meant %s', (flag, message) => {
    const args = ['launch', ...(flag ? [flag] : []), 'true'];
    const task = { SLURM_PROCID: '1', SLURM_NTASKS: '2', SLURM_LOCALID: '1' };
    const { status, stderr } = spawnSync(process.execPath, [...fromSource, bin, ...args], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...task },
    });
    expect(stderr).toMatch(message);
    expect(status).toBe(0);
  });

  it('says what to do where it is linked but not built', () => {
    const own = file('unbuilt');
    mkdirSync(join(own, 'bin'), { recursive: true });
    cpSync(bin, join(own, 'bin', 'scmoe.mjs'));
    const exports = { '.': './dist/index.js' };
    writeFileSync(join(own, 'package.json'), JSON.stringify({ name: '@scmoe/cli', type: 'module', exports }));
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(own, 'bin', 'scmoe.mjs')], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stderr).toMatch(/^scmoe: it is not built yet: run `npm run build` in the repository \(.+\)\.\n$/);
    expect([status, stdout]).toEqual([1, '']);
  });
});
