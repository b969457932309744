// node_modules, compared with package-lock.json and installed with `npm ci` where it lags behind.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { fail, say } from './say.mjs';

/**
 * Whether `installed` (npm's own record, node_modules/.package-lock.json) holds every package of `lock` at the same
 * version. Optional packages may be absent: they belong to other platforms.
 */
export function isCurrent(lock, installed) {
  return Object.entries(lock.packages).every(([path, { version, link, optional }]) => {
    if (!path.includes('node_modules/') || optional) return true;
    const found = installed.packages[path];
    return found !== undefined && (link ? found.link === true : found.version === version);
  });
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

export function installDependencies(root) {
  const lock = readJson(join(root, 'package-lock.json'));
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'));
  if (installed && isCurrent(lock, installed)) return;

  say(`installing the npm packages: npm ci${installed ? ' (package-lock.json has changed)' : ''}`);
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (result.status === 0) return;
  const lines = (result.stderr ?? String(result.error))
    .split('\n')
    .filter((line) => line && !/^npm error\s+at /.test(line));
  fail('npm ci did not work:', [
    ...lines.slice(0, 10),
    'Check the network connection and the registry (npm config get registry), then run the same command again.',
  ]);
}
