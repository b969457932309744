// A folder outside the repository, as a user's own project, and the npm that works in it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { run, userEnvironment } from './workspace.mjs';

export class Project {
  #env;

  /** @param npmrc lines of npm's configuration: this one counts, and none of the user's */
  constructor(path, npmrc) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    this.write('package.json', '{ "private": true }');
    this.write('.npmrc', npmrc.join('\n'));
    this.#env = { ...userEnvironment, npm_config_userconfig: join(path, '.npmrc'), NO_COLOR: '1', FORCE_COLOR: '0' };
  }

  write(name, content) {
    writeFileSync(join(this.path, name), content);
    return name;
  }

  npm(...args) {
    return this.run('npm', ...args);
  }

  node(...args) {
    return this.run(process.execPath, ...args);
  }

  /** A command that an installed package brings. */
  bin(name, ...args) {
    return this.run(join(this.path, 'node_modules', '.bin', name), ...args);
  }

  /** @returns what a command has printed, of both kinds @throws Error with that where it fails */
  async run(command, ...args) {
    try {
      const { stdout, stderr } = await run(command, args, { cwd: this.path, env: this.#env, maxBuffer: 2 ** 26 });
      return stdout + stderr;
    } catch (error) {
      throw new Error(`${[command, ...args].join(' ')}\n${error.stdout}${error.stderr}`, { cause: error });
    }
  }
}
