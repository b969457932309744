import { createRequire } from 'node:module';

// `src/` and `dist/` lie equally deep under the package's root.
const packageJson = createRequire(import.meta.url)('../package.json') as { version: string };

export const version = packageJson.version;
