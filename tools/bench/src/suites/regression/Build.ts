import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Contender } from '../../Contender.js';

/** The checkout that this program is of. */
export const ownFolder = fileURLToPath(new URL('../../..', import.meta.url));

/** A checkout of this repository with its packages built. */
export class Build {
  /** Its commit, and whether files differ from that. */
  readonly commit: string;

  constructor(readonly folder: string) {
    const built = join(folder, 'packages', 'tensor', 'dist', 'index.js');
    if (!existsSync(built))
      throw new Error(`no build in ${folder}: expected ${built}; \`npm run build\` there makes it`);
    const git = (...args: string[]) => spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).stdout.trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', changed';
    this.commit = `${git('rev-parse', '--short', 'HEAD') || 'no commit'}${changed}`;
  }

  /** Starts a program of ours, of dist/workers, on the packages of this build. */
  start(worker: string, args: readonly string[]): Promise<Contender> {
    const file = (name: string) => new URL(`./workers/${name}.js`, import.meta.url);
    const flags = ['--import', file('resolveFromBuild').href];
    return Contender.start(process.execPath, [...flags, fileURLToPath(file(worker)), ...args], {
      SCMOE_BENCH_BUILD: this.folder,
    });
  }
}
