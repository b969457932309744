// Ways to install and run the packages that are too slow, or need too much, for the install test: each runs the same program.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findChromium } from '../bootstrap/chromium.mjs';
import { withPage } from './withPage.mjs';

/** Imports of all kinds, the backend, and one loss of a small model. */
export const program = `
  import { useBackend } from '@scmoe/tensor';
  import { Gpt } from '@scmoe/models';
  import { train } from '@scmoe/trainer';
  import * as tf from '@tensorflow/tfjs';
  async function main() {
    const { line } = await useBackend('auto');
    const size = { numLayers: 2, dModel: 32, numHeads: 4, sequenceLength: 16 };
    const model = new Gpt({ vocabSize: 64, ...size, moe: { kind: 'scmoe', numExperts: 4 } }, { seed: 1 });
    const ids = tf.tensor2d([[1, 2, 3, 4]], [1, 4], 'int32');
    const [loss] = await model.loss({ ids, targets: ids }).loss.data();
    console.log(line, 'loss', loss.toFixed(4), typeof train);
  }
  main();
`;

const ours = ['@scmoe/tensor', '@scmoe/models', '@scmoe/trainer'];
const tfjs = (version) => `@tensorflow/tfjs@${version}`;
const manifest = (version) => {
  const dependencies = Object.fromEntries(ours.map((name) => [name, '0.1.0']));
  return JSON.stringify({ private: true, dependencies: { ...dependencies, '@tensorflow/tfjs': version } });
};

const withManager = (add, version) => async (project, tool) => {
  const installed = await project.run(...tool(add[0]), ...add.slice(1), ...ours, tfjs(version));
  return [installed, await project.node(project.write('program.mjs', program))];
};

/** What the program prints in a browser, where one is found. @param folder of the project, in which a bundler has put scripts */
async function openedPage(project, folder) {
  const executable = findChromium();
  if (executable === undefined) return 'built; there is no browser to open it';
  const path = join(project.path, folder);
  const index = join(path, 'index.html');
  if (!existsSync(index)) writeFileSync(index, '<script src="program.cjs"></script>');
  return withPage(executable, path, async (page, complaints) => {
    const printed = new Promise((resolve) =>
      page.on('console', (line) => /^backend/.test(line.text()) && resolve(line.text())),
    );
    // The page may have said it before anybody listened.
    await page.reload();
    const late = new Promise((resolve) =>
      setTimeout(() => resolve(`nothing printed ${complaints.join('; ')}`), 60_000).unref(),
    );
    return Promise.race([printed, late]);
  });
}

/** TF.js requires a package that it does not declare, which a strict linker refuses. */
async function refusedByPnp(project, tool) {
  try {
    await withBerry('pnp')(project, tool);
  } catch (error) {
    const [reason] = /[^\n]*tried to access long[^\n]*/.exec(error.message) ?? [];
    if (reason === undefined) throw error;
    return ['', `refused: ${reason.trim()}`];
  }
  throw new Error('it runs: docs/installs.md says that TF.js has no right to require "long"');
}

/** npm refuses another version of a peer, and says which one there has to be. */
async function refusedByNpm(project) {
  try {
    await project.npm('install', ...ours, tfjs('4.21.0'));
  } catch (error) {
    const [reason] = /peer @tensorflow\/tfjs@"4\.22\.0" from @scmoe\S+/.exec(error.message) ?? [];
    if (reason === undefined) throw error;
    return ['', `refused: ${reason}`];
  }
  throw new Error('npm has installed what does not fit');
}

const withBerry = (linker) => async (project, tool) => {
  project.write('package.json', manifest('4.22.0'));
  project.write('yarn.lock', '');
  project.write(
    '.yarnrc.yml',
    [
      `npmRegistryServer: ${JSON.stringify(project.registry)}`,
      "unsafeHttpWhitelist: ['*']",
      `nodeLinker: ${linker}`,
      // What was remembered of an earlier try, packages of the same version and the registry's port, holds no longer.
      ...['enableGlobalCache: false', 'globalFolder: ./yarn-global'],
      'enableTelemetry: false',
      'npmMinimalAgeGate: 0',
    ].join('\n'),
  );
  const installed = await project.run(...tool('berry'), 'install');
  return [installed, await project.run(...tool('berry'), 'node', project.write('program.mjs', program))];
};

const viteConfig = `
  export default {
    logLevel: 'warn',
    build: { rollupOptions: { input: 'program.mjs' }, outDir: process.env.OUT, minify: false },
    ssr: { noExternal: process.env.INSIDE ? true : undefined },
  };
`;

const withVite = (inside) => async (project) => {
  await project.npm('install', ...ours, tfjs('4.22.0'), 'vite@8.4.0');
  project.write('program.mjs', program);
  project.write(
    'vite.config.mjs',
    viteConfig.replace('process.env.INSIDE', String(inside)).replace('process.env.OUT', "'out'"),
  );
  const built = await project.bin('vite', 'build', '--ssr', 'program.mjs');
  return [built, await project.node('out/program.mjs')];
};

const withViteForBrowser = async (project) => {
  await project.npm('install', ...ours, tfjs('4.22.0'), 'vite@8.4.0');
  project.write('program.mjs', program);
  project.write('vite.config.mjs', "export default { logLevel: 'warn', build: { outDir: 'out', minify: false } };");
  const page = '<!doctype html><script type="module" src="/program.mjs"></script>';
  project.write('index.html', page);
  return [await project.bin('vite', 'build'), await openedPage(project, 'out')];
};

const webpackProgram = `
  import webpack from 'webpack';
  const [target, format] = process.argv.slice(2);
  const esm = format === 'esm';
  const output = esm ? { module: true, library: { type: 'module' }, chunkFormat: 'module' } : {};
  webpack(
    {
      ...{ mode: 'none', target, entry: './program.mjs', experiments: { outputModule: esm } },
      output: { ...output, path: process.cwd() + '/out', filename: esm ? 'program.mjs' : 'program.cjs' },
    },
    (error, stats) => {
      console.log(error ?? stats.toString({ all: false, errors: true, warnings: true }));
      process.exitCode = error || stats.hasErrors() ? 1 : 0;
    },
  );
`;

const withWebpack = (target, format) => async (project) => {
  await project.npm('install', ...ours, tfjs('4.22.0'), 'webpack@5.113.0');
  project.write('program.mjs', program);
  const built = await project.node(project.write('webpack.mjs', webpackProgram), target, format);
  return [
    built,
    target === 'web'
      ? await openedPage(project, 'out')
      : await project.node(`out/program.${format === 'esm' ? 'mjs' : 'cjs'}`),
  ];
};

/** By name: what installs and runs in a project. Answers what the installation and what the program have printed. */
export const ways = {
  'npm, TF.js 4.21': refusedByNpm,
  pnpm: withManager(['pnpm', 'add'], '4.22.0'),
  'pnpm, TF.js 4.21': withManager(['pnpm', 'add'], '4.21.0'),
  'yarn classic': withManager(['yarn', 'add'], '4.22.0'),
  'yarn berry, node-modules': withBerry('node-modules'),
  'yarn berry, PnP': refusedByPnp,
  Deno: async (project, tool) => {
    project.write('package.json', manifest('4.22.0'));
    const run = [...tool('deno'), 'run', '-A', '--node-modules-dir=auto', project.write('program.mjs', program)];
    return ['', await project.run(...run)];
  },
  'webpack 5 for Node, cjs': withWebpack('node', 'cjs'),
  'webpack 5 for Node, esm': withWebpack('node', 'esm'),
  'webpack 5 for browsers': withWebpack('web', 'cjs'),
  'Vite for browsers': withViteForBrowser,
  'Vite SSR, packages outside': withVite(false),
  'Vite SSR, packages inside': withVite(true),
};
