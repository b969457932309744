// The browser build of a package whose source reaches Node's modules: x.browser.ts, where there is one, takes the place of
// x.ts beside it. A node: import that is still reached does not resolve, and fails the build.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { defineConfig, type Options } from 'tsup';

import preset from './tsup.preset.js';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

const browserTwins: Plugin = {
  name: 'browser twins',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, resolveDir }) => {
      const twin = resolve(resolveDir, path.replace(/\.js$/, '.browser.ts'));
      return existsSync(twin) ? { path: twin } : undefined;
    });
  },
};

const ownIndex = 'src/index.browser.ts';
const { dts, ...shared } = preset as Options;

export default defineConfig({
  ...shared,
  entry: { 'index.browser': existsSync(ownIndex) ? ownIndex : 'src/index.ts' },
  // Where the index is the same, so are its types.
  dts: existsSync(ownIndex) ? dts : false,
  platform: 'browser',
  target: 'es2022',
  shims: false,
  clean: false,
  esbuildPlugins: [browserTwins],
});
