import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';

import ts from 'typescript';

const skipped = new Set([
  'node_modules',
  'dist',
  'out-tsc',
  'build',
  'prebuilds',
  'coverage',
  'test-results',
  'python',
]);

/**
 * What the imports of a package and its package.json say differently, and imports that go in a circle, types included: who
 * reads one file of a circle has to read them all.
 *
 * Sources may import `dependencies`, `peerDependencies`, and those `devDependencies` that are private packages of ours, which
 * builds bundle; tests, what only tests import, configuration and packages that are
 * not published also `devDependencies` and those of the root. What is declared has to be used: a dependency by a source, or as
 * the peer of another one. A private package may name packages of ours for the sake of the order in which they are built.
 *
 * @param folder of the package
 * @param root package.json of the repository, parsed
 * @returns a sentence for each problem
 */
export function importProblems(folder, root) {
  const manifest = readManifest(folder);
  const files = sourceFiles(folder).map((path) => ({ path, ...importsOf(path) }));
  return [...undeclared(files, folder, manifest, root), ...unused(files, folder, manifest), ...circles(files, folder)];
}

function readManifest(folder) {
  const {
    dependencies = {},
    peerDependencies = {},
    devDependencies = {},
    ...rest
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { ...rest, dependencies, peerDependencies, devDependencies };
}

function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sourceFiles(path);
    return /\.(ts|mts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(path) {
  const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'), true, true);
  const specifiers = importedFiles.map(({ fileName }) => fileName);
  return {
    files: specifiers.filter((name) => name.startsWith('.')).map((name) => resolved(path, name)),
    packages: specifiers.filter((name) => !name.startsWith('.') && !isBuiltin(name)).map(packageOf),
  };
}

/** './x.js' is x.ts. */
function resolved(from, specifier) {
  const path = join(dirname(from), specifier);
  const typeScript = path.replace(/\.js$/, '.ts');
  return existsSync(typeScript) ? typeScript : path;
}

/** Whether a package is a private one of ours, so that whoever imports it has to bundle it. */
function isBundled(name, folder) {
  for (let above = folder; dirname(above) !== above; above = dirname(above)) {
    const path = join(above, 'node_modules', name, 'package.json');
    if (existsSync(path)) return name.startsWith('@scmoe/') && readManifest(dirname(path)).private === true;
  }
  return false;
}

const packageOf = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const isSource = (path, folder) =>
  /^src\//.test(relative(folder, path)) && !/\.test\.ts$|^src\/testing\//.test(relative(folder, path));

function undeclared(
  files,
  folder,
  { name, private: isPrivate, dependencies, peerDependencies, devDependencies },
  root,
) {
  return files.flatMap(({ path, packages }) => {
    const allowed = new Set([name, ...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
    if (isPrivate || !isSource(path, folder)) {
      for (const other of [...Object.keys(devDependencies), ...Object.keys(root.devDependencies)]) allowed.add(other);
      // jest brings it.
      allowed.add('@jest/globals');
    } else {
      for (const other of Object.keys(devDependencies)) if (isBundled(other, folder)) allowed.add(other);
    }
    return packages
      .filter((other) => !allowed.has(other))
      .map((other) => `${relative(folder, path)} imports ${other}, which package.json does not declare for it`);
  });
}

function unused(files, folder, { private: isPrivate, dependencies, peerDependencies, devDependencies, scripts = {} }) {
  const importedBy = (wanted) => new Set(files.filter(({ path }) => wanted(path)).flatMap(({ packages }) => packages));
  const bySources = importedBy((path) => !existsSync(join(folder, 'src')) || isSource(path, folder));
  const byAll = importedBy(() => true);
  const peers = new Set(Object.keys(dependencies).flatMap((other) => Object.keys(peersOf(folder, other))));
  const inScripts = Object.values(scripts).join(' ');
  return [
    ...Object.keys(dependencies)
      .filter((other) => !bySources.has(other) && !peers.has(other) && !(isPrivate && isNamed(files, other)))
      .map((other) => `no source imports ${other}, one of the dependencies`),
    ...Object.keys(devDependencies)
      .filter((other) => other in dependencies)
      .map((other) => `${other} is in dependencies and in devDependencies`),
    ...Object.keys(devDependencies)
      .filter((other) => !byAll.has(other) && !other.startsWith('@types/') && !inScripts.includes(other))
      .filter((other) => !(other in peerDependencies) && !isNamed(files, other))
      .filter((other) => !(isPrivate && other.startsWith('@scmoe/')))
      .map((other) => `nothing imports ${other}, one of the devDependencies`),
  ];
}

/** In a text of the package, though not imported: bundled, spawned, or installed elsewhere. */
function isNamed(files, name) {
  return files.some(({ path }) => readFileSync(path, 'utf8').includes(name));
}

function peersOf(folder, name) {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const manifest = join(at, 'node_modules', name, 'package.json');
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).peerDependencies ?? {};
  }
  return {};
}

/** Each circle once, by depth-first search. */
function circles(files, folder) {
  const importsByPath = new Map(files.map(({ path, files: imported }) => [path, imported]));
  const state = new Map();
  const found = [];
  const visit = (path, trail) => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      const circle = [...trail.slice(trail.indexOf(path)), path].map((each) => relative(folder, each));
      found.push(`imports go in a circle: ${circle.join(' -> ')}`);
      return;
    }
    state.set(path, 'open');
    for (const next of importsByPath.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of importsByPath.keys()) visit(path, []);
  return found;
}
