import { createRequire } from 'node:module';

/** The version of this package; `bundled` where its manifest is not beside it. */
export const version = versionOf();

function versionOf(): string {
  try {
    // `src/` and `dist/` lie equally deep under the package's root. In a bundle there is another manifest there, or none.
    const { name, version } = createRequire(import.meta.url)('../package.json') as { name: string; version: string };
    return name === '@scmoe/trainer' ? version : 'bundled';
  } catch {
    return 'bundled';
  }
}
