import { ArgumentError } from '@scmoe/errors';

import type { LaunchOptions } from './LaunchOptions.js';
import { launchSettings } from './launchSettings.js';

const terminal = { out: process.stdout, err: process.stderr };
const settings = (options: Partial<LaunchOptions>, env: NodeJS.ProcessEnv = {}) =>
  launchSettings({ command: ['x'], terminal, ...options }, env);

const several = { nodes: 2, token: 'secret' };

describe('where the store listens', () => {
  it.each<[string, Partial<LaunchOptions>, NodeJS.ProcessEnv, object]>([
    ['loopback by default', {}, {}, { bind: '127.0.0.1', endpoint: { host: '127.0.0.1', port: 0 } }],
    ['loopback for a loopback endpoint', { endpoint: { host: 'localhost', port: 5 } }, {}, { bind: '127.0.0.1' }],
    ['the address of the endpoint', { endpoint: { host: '10.0.0.1', port: 5 } }, {}, { bind: '10.0.0.1' }],
    ['every address of both kinds for a name', { endpoint: { host: 'node0', port: 5 } }, {}, { bind: '::' }],
    ['an IPv6 address', { endpoint: { host: 'fd00::1', port: 5 } }, {}, { bind: 'fd00::1' }],
    ['where bind says', { bind: '10.0.0.2', endpoint: { host: 'node0', port: 5 } }, {}, { bind: '10.0.0.2' }],
    ['where bind says, on a free port', { bind: '10.0.0.2' }, {}, { endpoint: { host: '10.0.0.2', port: 0 } }],
    ['and ranks come by loopback where it listens everywhere', { bind: '::' }, {}, { endpoint: { host: '127.0.0.1' } }],
    [
      'at every address where the first pod of a job is told that it is localhost',
      { ...several, endpoint: { host: 'localhost', port: 23456 } },
      { KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      { endpoint: { host: 'localhost', port: 23456 }, bind: '::' },
    ],
  ])('%s', (_, options, env, expected) => {
    expect(settings(options, env)).toMatchObject(expected);
  });

  it('with a token of its own on one host, another each time', () => {
    const tokens = [settings({}).token, settings({}).token];
    expect(tokens[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(tokens[0]).not.toBe(tokens[1]);
  });
});

describe('ranks on this host', () => {
  it("are one by default; 'auto' is at least one, and a GPU that is hidden does not count", () => {
    expect(settings({}).ranksHere).toBe(1);
    expect(settings({ ranksHere: 'auto' }).ranksHere).toBeGreaterThanOrEqual(1);
    expect(settings({ ranksHere: 'auto' }, { CUDA_VISIBLE_DEVICES: '' }).ranksHere).toBeGreaterThanOrEqual(1);
  });
});

describe('options that make no sense are refused', () => {
  it.each<[Partial<LaunchOptions>, RegExp]>([
    [{ command: [''] }, /command: expected a program and its arguments, got \[""\]/],
    [{ ranksHere: 0 }, /ranksHere: expected a whole number from 1 to 9999, got 0/],
    [{ nodes: 1.5 }, /nodes: expected a positive integer, got 1.5/],
    [{ ...several, nodeRank: 2 }, /nodeRank: expected a whole number from 0 to 1, got 2/],
    [several, /endpoint: expected a host and port of node 0 for 2 nodes, got/],
    [
      { nodes: 2, endpoint: { host: 'a', port: 1 } },
      /token: expected a secret that the launchers of all 2 nodes share/,
    ],
    [{ token: 'a b' }, /token: expected 1 to 256 visible ASCII characters without spaces, got 3$/],
    [{ maxRestarts: -1 }, /maxRestarts: expected an integer >= 0, got -1/],
    [{ graceMs: NaN }, /graceMs: expected a number >= 0, got NaN/],
  ])('%j', (options, message) => {
    expect(() => settings(options)).toThrow(ArgumentError);
    expect(() => settings(options)).toThrow(message);
  });
});
