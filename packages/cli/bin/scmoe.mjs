#!/usr/bin/env node
// Not built but committed: npm links a package's commands when it installs it, which in the repository is before there is
// anything built. By its own name the package is found as built or, under the condition @scmoe/source, as it is.
let runCli;
try {
  ({ runCli } = await import('@scmoe/cli'));
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(
    `scmoe: it is not built yet: run \`npm run build\` in the repository (${error.message.split('\n')[0]}).`,
  );
  process.exit(1);
}
process.exitCode = await runCli(process.argv.slice(2), { out: process.stdout, err: process.stderr });
// What is written reaches its reader before connections that are still being tried are given up.
process.stdout.write('', () => process.stderr.write('', () => process.exit()));
