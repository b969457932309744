// Names of the missing parts in the package managers that people have, and the one that we run ourselves: apt-get.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { say } from './say.mjs';

const managers = [
  {
    command: 'apt-get',
    install: 'apt-get install -y --no-install-recommends',
    names: {
      compiler: 'g++',
      cmake: 'cmake',
      make: 'make',
      oneDnn: 'libdnnl-dev',
      gloo: 'libgloo-dev',
      browser: 'chromium',
      clangFormat: 'clang-format',
      clangTidy: 'clang-tidy libomp-dev',
    },
  },
  {
    command: 'dnf',
    install: 'dnf install',
    names: {
      compiler: 'gcc-c++',
      cmake: 'cmake',
      make: 'make',
      oneDnn: 'onednn',
      gloo: 'gloo-devel',
      browser: 'chromium',
      clangFormat: 'clang-tools-extra',
      clangTidy: 'clang-tools-extra',
    },
  },
  {
    command: 'pacman',
    install: 'pacman -S',
    names: { compiler: 'gcc', cmake: 'cmake', make: 'make', oneDnn: 'onednn', browser: 'chromium' },
  },
  {
    command: 'apk',
    install: 'apk add',
    names: { compiler: 'g++', cmake: 'cmake', make: 'make', oneDnn: 'onednn', browser: 'chromium' },
  },
  {
    command: 'zypper',
    install: 'zypper install',
    names: {
      compiler: 'gcc-c++',
      cmake: 'cmake',
      make: 'make',
      oneDnn: 'onednn-devel',
      gloo: 'gloo-devel',
      browser: 'chromium',
    },
  },
];

const succeeds = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const isRoot = () => process.getuid?.() === 0;

/** The command that installs `parts` here, or undefined where no package manager that we know has any of them. */
export function installCommand(parts, has = (command) => succeeds(command, '--version')) {
  const manager = managers.find(({ command }) => has(command));
  const names = parts.map((part) => manager?.names[part]).filter(Boolean);
  return names.length > 0 ? `${manager.install} ${names.join(' ')}` : undefined;
}

/** Whether installing is ours to do: Debian or Ubuntu, as root or with a sudo that asks for nothing. */
function mayInstall(env) {
  if (env.SCMOE_NO_INSTALL === '1' || !existsSync('/etc/debian_version')) return false;
  return isRoot() || succeeds('sudo', '-n', 'true');
}

/**
 * Installs `parts` with apt-get where that is allowed; says the command first.
 *
 * @returns the command for the user to run where it is not allowed or did not work; undefined after success.
 */
export function installSystemPackages(parts, env = process.env) {
  const command = installCommand(parts);
  if (!command) return undefined;
  const prefix = isRoot() ? [] : ['sudo'];
  const shown = [...prefix, command].join(' ');
  if (!mayInstall(env)) return shown;

  const run = (line) =>
    spawnSync([...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', line].join(' '), {
      shell: true,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  say(`installing: ${shown}`);
  let result = run(command);
  if (result.status !== 0) {
    // A fresh image has no package lists, an old one has stale ones.
    run('apt-get update');
    result = run(command);
  }
  if (result.status === 0) return undefined;
  say(`that did not work: ${result.stderr.trim().split('\n').pop()}`);
  return shown;
}
