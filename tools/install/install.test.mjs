// The packages as their users get them: packed, published to a registry, installed into empty folders outside the
// repository, and used there under Node, TypeScript and a browser.
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { build } from 'esbuild';

import { browserAdvice, findChromium } from '../bootstrap/chromium.mjs';
import { importsOf } from './importsOf.mjs';
import { withPage } from './withPage.mjs';
import { Project } from './Project.mjs';
import {
  asCommonJs,
  asCommonJsTypeScript,
  asModule,
  importedPackages,
  readmeExample,
  readmePackages,
} from './readme.mjs';
import { Registry } from './Registry.mjs';
import { packAll, packages, root, tensorFlow } from './workspace.mjs';

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'scmoe-install-'));
const chromium = findChromium();
const nativeAddon = existsSync(join(root, 'packages', 'tensor', 'prebuilds'));
const glooAddon = existsSync(join(root, 'packages', 'comm', 'prebuilds'));

/** The packages that run in a browser. */
const browserPackages = ['errors', 'tensor', 'comm', 'gating', 'scheduler', 'layer', 'models', 'trainer'].map(
  (name) => `@scmoe/${name}`,
);

/** What the project with all packages has besides: a strict TypeScript project under Node has Node's types. */
const wanted = ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@types/node'];

let tarballs;
/** A user's project for each package, with what its README tells to install; and one with all of them, under `all`. */
const projects = new Map();

before(async () => {
  tarballs = await packAll(folder);
  const registry = await new Registry(root).listen();
  const npmrc = [
    `registry=${registry.url}`,
    `//${new URL(registry.url).host}/:_authToken=token-of-this-test`,
    `cache=${join(folder, 'cache')}`,
    'audit=false',
    'fund=false',
    'update-notifier=false',
  ];
  const publisher = new Project(join(folder, 'publisher'), npmrc);
  await Promise.all(Array.from(tarballs.values(), ({ path }) => publisher.npm('publish', path)));
  await Promise.all(
    packages.map(async ({ name, readme }) => {
      const project = new Project(join(folder, name), npmrc);
      project.printed = await project.npm('install', ...readmePackages(readme));
      projects.set(name, project);
    }),
  );
  const all = new Project(join(folder, 'all'), npmrc);
  await all.npm('install', ...packages.map(({ name }) => name), ...wanted);
  projects.set('all', all);
  await registry.close();
});

after(() => rm(folder, { recursive: true, force: true }));

/** The README's program where that is TypeScript, or else the one in strict/. */
function strictProgram(name) {
  const { language, code } = readmeExample(packages.find((each) => each.name === name).readme);
  return language === 'ts' ? code : readFileSync(new URL(`./strict/${name.split('/')[1]}.ts`, import.meta.url), 'utf8');
}

for (const { name, manifest, readme } of packages) {
  describe(name, () => {
    const installed = (...parts) => join(projects.get(name).path, 'node_modules', name, ...parts);

    it('has in its tarball what a user needs and nothing else', () => {
      const { files } = tarballs.get(name);
      for (const file of ['LICENSE', 'README.md', 'package.json']) assert.ok(files.includes(file), `no ${file}`);
      const entries = JSON.stringify(manifest.exports).match(/\.\/dist\/[^"]+/g);
      for (const entry of [...entries, ...Object.values(manifest.bin ?? {})])
        assert.ok(files.includes(entry.slice(2)), `no ${entry}`);
      const others = files.filter(
        (file) => !/^(LICENSE|README\.md|THIRD_PARTY_NOTICES\.md|package\.json|(bin|dist|prebuilds)\/.+)$/.test(file),
      );
      assert.deepEqual([...others, ...files.filter((file) => /\.test\.|tsbuildinfo/.test(file))], []);
    });

    it('names no path of the repository and no version that only a workspace knows', () => {
      for (const file of readdirSync(installed(), { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        assert.ok(!file.isSymbolicLink());
        const content = readFileSync(join(file.parentPath, file.name));
        assert.ok(!content.includes(root), `${file.name} names ${root}`);
      }
      const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(installed('package.json'), 'utf8'));
      for (const [dependency, range] of Object.entries({ ...dependencies, ...peerDependencies }))
        assert.match(range, /^[\^~]?\d+\.\d+\.\d+$/, `${dependency}@${range}`);
    });

    it('imports only what its manifest declares', async () => {
      const { dependencies = {}, peerDependencies = {} } = manifest;
      const declared = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
      const imports = await importsOf(installed('dist'));
      assert.deepEqual(
        imports.filter((each) => !declared.has(each) && !isBuiltin(each)),
        [],
      );
    });

    it('installs without a warning about peers, as one copy of each package', async () => {
      const { printed } = projects.get(name);
      // What other people's packages ask of Node is theirs to say.
      assert.doesNotMatch(printed, /ERESOLVE|peer|EBADENGINE +package: '@scmoe/i);
      const nested = readdirSync(projects.get(name).path, { recursive: true }).filter((file) =>
        /node_modules\/.*node_modules\/(@scmoe|@tensorflow)\//.test(file),
      );
      assert.deepEqual(nested, []);
    });

    it("installs with the README's command what the README's program imports", () => {
      const told = readmePackages(readme);
      for (const each of importedPackages(readmeExample(readme).code)) assert.ok(told.includes(each), each);
    });

    const skip = name === '@scmoe/tensorflow' && !tensorFlow ? 'there is no TensorFlow here' : false;

    it("runs the README's program as an ES module", { skip }, async () => {
      const project = projects.get(name);
      await project.node(project.write('example.mjs', await asModule(readmeExample(readme).code)));
    });

    it("runs the README's program with require", { skip }, async () => {
      const project = projects.get(name);
      await project.node(project.write('example.cjs', await asCommonJs(readmeExample(readme).code)));
    });
  });
}

describe('strict TypeScript', () => {
  const compile = async (module, moduleResolution, sources) => {
    const project = projects.get('all');
    const files = Object.entries(sources).map(([name, code]) => project.write(name, code));
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2023', types: ['node'], noEmit: true, skipLibCheck: false },
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    };
    project.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
    const typescript = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const printed = await project.node(typescript, '-p', '.', '--pretty', 'false').catch((error) => error.message);
    // The declarations of TF.js 4.22 contradict themselves and TypeScript's own: what counts is what is said of ours.
    return printed.split('\n').filter((line) => /^([\w-]+\.[cm]ts|node_modules\/@scmoe\/.+)\(.*error TS/.test(line));
  };
  const programs = (extension, convert) =>
    Object.fromEntries(packages.map(({ name }) => [`${name.split('/')[1]}${extension}`, convert(strictProgram(name))]));

  it('accepts a program with every package, as an ES module and as CommonJS, and knows what is wrong', async () => {
    const wrong = "import { transformerPair } from '@scmoe/layer';\ntransformerPair({ kind: 'sparse' });\n";
    const sources = {
      ...programs('.mts', (code) => code),
      ...programs('.cts', asCommonJsTypeScript),
      'wrong.mts': wrong,
    };
    const errors = await compile('nodenext', 'nodenext', sources);
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.match(errors[0], /^wrong\.mts\(2,.+'"sparse"'/);
  });

  it('accepts the same programs before a bundler', async () => {
    assert.deepEqual(
      await compile(
        'preserve',
        'bundler',
        programs('.mts', (code) => code),
      ),
      [],
    );
  });
});

describe('without the native addon', () => {
  const withoutAddon = async (name, program) => {
    const project = projects.get(name);
    rmSync(join(project.path, 'node_modules', '@scmoe', 'tensor', 'prebuilds'), { recursive: true, force: true });
    return project.node(project.write('fallback.mjs', await asModule(program)));
  };

  it("runs the README's program of @scmoe/layer on TF.js's own backend", async () => {
    const { readme } = packages.find(({ name }) => name === '@scmoe/layer');
    const printed = await withoutAddon('@scmoe/layer', `${readmeExample(readme).code}\nconsole.log(tf.getBackend());`);
    assert.match(printed, /^cpu$/m);
  });

  it('takes the wasm backend where it is installed, and says why in one line', async () => {
    const printed = await withoutAddon(
      'all',
      "import { useBackend } from '@scmoe/tensor'; console.log((await useBackend()).line);",
    );
    assert.match(
      printed,
      /^backend wasm \(.+\): the best that works here; no scmoe: there is no native addon for .+$/m,
    );
  });

  it('takes the cpu backend where nothing else is there, and says why in one line', async () => {
    const { readme } = packages.find(({ name }) => name === '@scmoe/tensor');
    const printed = await withoutAddon('@scmoe/tensor', readmeExample(readme).code);
    assert.match(printed, /^backend cpu \(.+\): .+no scmoe: there is no native addon.+no wasm: .+ is not installed$/m);
  });
});

describe('bundled for Node, as servers are deployed', () => {
  const program = `
    import { findGloo } from '@scmoe/comm';
    import { useBackend } from '@scmoe/tensor';
    import * as tf from '@tensorflow/tfjs';
    useBackend('auto').then(({ line }) => console.log(line, 'sum', tf.sum(tf.ones([3])).dataSync()[0], findGloo().problem));`;
  // What a bundled module of CommonJS inside asks for.
  const require = "import { createRequire as ofNode } from 'node:module'; const require = ofNode(import.meta.url);";
  const nativeBackend = nativeAddon && glooAddon ? /^backend scmoe .+ sum 3 undefined$/m : /^backend .+ sum 3 /m;

  for (const [format, file, banner] of [
    ['cjs', 'server.cjs', ''],
    ['esm', 'server.mjs', require],
  ]) {
    it(`as ${format}: takes the addons of the packages beside it, and says what to do where they are not`, async () => {
      await build({
        stdin: { contents: program, resolveDir: projects.get('all').path },
        ...{ bundle: true, platform: 'node', format, outfile: join(folder, file), logLevel: 'error' },
        banner: { js: banner },
      });
      assert.match(await projects.get('@scmoe/models').node(join(folder, file)), nativeBackend);
      const alone = new Project(join(folder, 'alone'), []);
      copyFileSync(join(folder, file), join(alone.path, file));
      const printed = await alone.node(file);
      assert.match(printed, /no scmoe: this program is bundled and @scmoe\/tensor, .+ is not installed beside it;/);
      assert.match(printed, /sum 3 this program is bundled and @scmoe\/comm, .+external: \['@scmoe\/\*'\]/);
    });
  }
});

describe('the command scmoe', () => {
  const skip = glooAddon && nativeAddon ? false : 'the Gloo engine is not built here';
  it('launches the program of the README of @scmoe/comm on two ranks', { skip }, async () => {
    const { readme } = packages.find(({ name }) => name === '@scmoe/comm');
    const project = projects.get('@scmoe/cli');
    project.write('sum.mjs', await asModule(readmeExample(readme).code));
    const printed = await project.bin('scmoe', 'launch', '-n', '2', 'sum.mjs');
    const [, promised] = /rank 0 prints `(.+)`/.exec(readme);
    assert.ok(printed.includes(promised), printed);
  });
});

describe('in a browser', () => {
  const skip = chromium ? false : `no Chromium: ${browserAdvice}`;
  let bundle;

  before(async () => {
    const { path } = projects.get('all');
    copyFileSync(new URL('./browserProgram.mjs', import.meta.url), join(path, 'program.mjs'));
    writeFileSync(
      join(path, 'index.html'),
      '<!doctype html><link rel="icon" href="data:," /><script src="page.js"></script>',
    );
    // As a user's bundler would: esbuild's defaults for a browser. A module of Node that is reached fails the build.
    const options = {
      entryPoints: [join(path, 'program.mjs')],
      outfile: join(path, 'page.js'),
      bundle: true,
      minify: true,
    };
    bundle = (await build({ ...options, metafile: true, logLevel: 'error' })).metafile;
  });

  it('bundles nothing of Node, nor the kernels of the native backend', () => {
    const inputs = Object.keys(bundle.inputs).filter((file) => file.includes('@scmoe'));
    // What several entry points of a package share is in chunks, whose names change.
    const entries = inputs.map((file) => /@scmoe\/(.+)$/.exec(file)[1]).filter((file) => !file.includes('/chunk-'));
    assert.deepEqual(entries.sort(), [
      'comm/dist/index.browser.js',
      'errors/dist/index.js',
      'gating/dist/index.js',
      'layer/dist/index.js',
      'models/dist/index.browser.js',
      'scheduler/dist/index.js',
      'tensor/dist/index.browser.js',
      'trainer/dist/index.browser.js',
    ]);
    const external = Object.values(bundle.inputs).flatMap((input) => input.imports.filter((each) => each.external));
    assert.deepEqual(external, []);
  });

  for (const name of browserPackages) {
    it(`bundles ${name} whole, imported and required`, async () => {
      const { path } = projects.get('all');
      for (const contents of [`import * as all from '${name}'; globalThis.all = all;`, `require('${name}');`]) {
        const stdin = { contents, resolveDir: path };
        const { warnings } = await build({ stdin, bundle: true, write: false, outdir: path, logLevel: 'silent' });
        assert.deepEqual(warnings, []);
      }
    });
  }

  it('bundles the example of docs/browser.md', async () => {
    const { code } = readmeExample(readFileSync(join(root, 'docs', 'browser.md'), 'utf8'));
    const { path } = projects.get('all');
    const stdin = { contents: code, resolveDir: path };
    await build({ stdin, bundle: true, format: 'esm', outfile: join(path, 'example.js'), logLevel: 'error' });
  });

  it('takes the GPU by itself, and says what needs Node', { skip }, async () => {
    await withPage(chromium, projects.get('all').path, async (page) => {
      const { line } = await page.evaluate(() => globalThis.useBackend());
      assert.match(line, /^backend webgl \(the GPU through WebGL, 1 thread, float32\): the fastest there is here$/);
      await assert.rejects(
        page.evaluate(() => globalThis.useBackend('scmoe')),
        /backend: expected one of auto, webgl, wasm, cpu, got 'scmoe'/,
      );
      assert.match((await page.evaluate(() => globalThis.findAddon())).problem, /need Node, this is a browser/);
      await assert.rejects(
        page.evaluate(() => globalThis.readSafetensors('model.safetensors')),
        /readSafetensors needs Node: a browser has no file system/,
      );
      await assert.rejects(
        page.evaluate(() => globalThis.loadPretrained('model')),
        /loadPretrained needs Node: a browser has no file system/,
      );
    });
  });

  it('gives the same numbers on every backend, learns, and complains of nothing', { skip }, async () => {
    await withPage(chromium, projects.get('all').path, async (page, complaints) => {
      const results = new Map();
      for (const backend of ['cpu', 'wasm', 'webgl'])
        results.set(backend, await page.evaluate((name) => globalThis.fitPair(name), backend));
      const reference = results.get('cpu');
      for (const [backend, { used, output, gradients, losses }] of results) {
        assert.equal(used, backend);
        expectNear(output, reference.output, `${backend}: output`);
        gradients.forEach((gradient, i) => expectNear(gradient, reference.gradients[i], `${backend}: gradient ${i}`));
        expectNear(losses, reference.losses, `${backend}: losses`);
        assert.ok(losses.at(-1) < 0.7 * losses[0], `${backend}: losses ${losses}`);
      }
      assert.deepEqual(complaints, []);
    });
  });

  it('trains a language model by the loop of @scmoe/trainer, which then goes on with the text', { skip }, async () => {
    await withPage(chromium, projects.get('all').path, async (page, complaints) => {
      const { losses, written } = await page.evaluate(() => globalThis.trainText('cpu'));
      assert.equal(losses.length, 30);
      assert.ok(losses.at(-1) < 0.2 * losses[0], `losses ${losses}`);
      assert.equal(written, 'defghabc');
      assert.deepEqual(complaints, []);
    });
  });
});

/** Float32 sums in another order: 1e-7 of the largest magnitude was seen. What is nothing but rounding is left out. */
function expectNear(got, expected, what) {
  assert.equal(got.length, expected.length, what);
  const scale = Math.max(...expected.map(Math.abs), 1e-6);
  const error = Math.max(...got.map((value, i) => Math.abs(value - expected[i]))) / scale;
  assert.ok(error < 1e-4, `${what}: off by ${error} of the largest magnitude`);
}
