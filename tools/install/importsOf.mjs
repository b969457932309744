import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { build } from 'esbuild';

/** The packages and modules of Node that the programs and the declarations of a `dist` folder import, each once. */
export async function importsOf(dist) {
  const files = readdirSync(dist);
  const programs = files.filter((file) => /\.c?js$/.test(file));
  const { metafile } = await build({
    entryPoints: Object.fromEntries(programs.map((file) => [file, join(dist, file)])),
    ...{ bundle: true, packages: 'external', platform: 'node', format: 'esm', outdir: dist },
    ...{ write: false, metafile: true, logLevel: 'error' },
  });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.flatMap(({ external, path }) => (external ? [path] : [])),
  );
  const declared = files
    .filter((file) => /\.d\.c?ts$/.test(file))
    .flatMap((file) =>
      [...readFileSync(join(dist, file), 'utf8').matchAll(/ from '([^.'][^']*)'/g)].map(([, from]) => from),
    );
  return [...new Set([...imported, ...declared].map((path) => /^(@[^/]+\/)?[^/]+/.exec(path)[0]))];
}
