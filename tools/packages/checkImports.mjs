// Fails where a package's imports and its package.json disagree, or go in a circle. Part of `npm run lint`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { importProblems } from './importProblems.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const packages = ['packages', 'apps', 'tools']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
  .filter((folder) => existsSync(join(folder, 'package.json')));

const problems = packages.flatMap((folder) =>
  importProblems(folder, manifest).map((problem) => `${relative(root, folder)}: ${problem}`),
);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`imports of ${packages.length} packages agree with their package.json`);
