// npm run installs [words of names]: the rows of docs/installs.md that are not part of the install test, tried one by one. Needs a
// registry for other people's packages: the one that npm is set to.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Project } from './Project.mjs';
import { Registry } from './Registry.mjs';
import { ways } from './ways.mjs';
import { packAll, root, run, userEnvironment } from './workspace.mjs';

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'scmoe-installs-'));
const { stdout } = await run('npm', ['config', 'get', 'registry'], { cwd: folder, env: userEnvironment });
const registry = await new Registry(root, { behind: stdout.trim().replace(/\/?$/, '/') }).listen();
const npmrc = [
  `registry=${registry.url}`,
  `//${new URL(registry.url).host}/:_authToken=token-of-this-test`,
  ...['audit=false', 'fund=false', 'update-notifier=false'],
];
/** Managers and runtimes that npm can install, in the versions that docs/installs.md names. */
const packagesOf = { pnpm: 'pnpm@10', yarn: 'yarn@1.22.22', berry: '@yarnpkg/cli-dist@4', deno: 'deno@2' };
const programs = {
  pnpm: ['node_modules/pnpm/bin/pnpm.cjs'],
  yarn: ['node_modules/yarn/bin/yarn.js'],
  berry: ['node_modules/@yarnpkg/cli-dist/bin/yarn.js'],
  deno: ['node_modules/deno/bin.cjs'],
};
const tools = new Project(join(folder, 'tools'), [...npmrc, `cache=${join(folder, 'cache')}`]);
const tool = (name) =>
  name === 'npm' ? ['npm'] : [process.execPath, ...programs[name].map((file) => join(tools.path, file))];

/** The last line that says what a program or an installation came to. */
function outcome([installed, printed]) {
  const warnings = installed
    .split('\n')
    .filter((line) => /warn.*(peer|@scmoe)|peer/i.test(line))
    .slice(0, 3);
  const lines = printed.trim().split('\n');
  const said = lines.filter((line) => line.startsWith('backend '));
  return [
    ...(said.length > 0 ? said : lines.slice(-3)),
    ...warnings.map((line) => `  installing: ${line.trim()}`),
  ].join('\n  ');
}

try {
  for (const { path } of (await packAll(folder)).values()) await tools.npm('publish', path);
  await tools.npm('install', ...Object.values(packagesOf));
  const wanted = process.argv.slice(2);
  let failed = 0;
  for (const [name, install] of Object.entries(ways)) {
    if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
    const project = new Project(join(folder, name.replace(/\W+/g, '-')), [...npmrc, `cache=${join(folder, 'cache')}`]);
    project.registry = registry.url;
    try {
      console.log(`${name}\n  ${outcome(await install(project, tool))}`);
    } catch (error) {
      failed++;
      console.log(`${name}\n  FAILED ${error.message.trim().split('\n').slice(-8).join('\n  ')}`);
    }
  }
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
}
