// The packages of this repository that are published, and what `npm pack` makes of them.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const run = promisify(execFile);

/** TensorFlow as pip installs it: what the tests have fetched, unless the user names one of his own. */
const fetched = join(root, '.tensorflow');
export const tensorFlow = process.env.SCMOE_TENSORFLOW ?? (existsSync(join(fetched, 'version')) ? fetched : undefined);

/** The environment without what an npm, an Nx or a test runner above has put into it: a user has none of that. */
export const userEnvironment = Object.fromEntries(
  Object.entries({ ...process.env, ...(tensorFlow && { SCMOE_TENSORFLOW: tensorFlow }) }).filter(
    ([name]) => !/^(npm_|NX_|NODE_OPTIONS$|NODE_PATH$)/i.test(name),
  ),
);

/** Every published package: its name, folder, manifest and README. */
export const packages = readdirSync(join(root, 'packages')).map((folder) => {
  const path = join(root, 'packages', folder);
  const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  return { name: manifest.name, path, manifest, readme: readFileSync(join(path, 'README.md'), 'utf8') };
});

/** Packs every package into `folder`. @returns the tarballs by the packages' names, with the files that npm says are in them */
export async function packAll(folder) {
  const args = ['pack', '--json', '--pack-destination', folder, ...packages.map(({ path }) => path)];
  const { stdout } = await run('npm', args, { env: userEnvironment });
  const packed = Object.values(JSON.parse(stdout));
  return new Map(
    packed.map(({ name, filename, files }) => [
      name,
      // npm up to 11 names a scoped tarball with its slash.
      { path: join(folder, filename.replace('@', '').replace('/', '-')), files: files.map(({ path }) => path) },
    ]),
  );
}
