// node tools/bootstrap/run.mjs <target...> [Nx options]: prepares the machine, then runs the Nx targets in every project
// that has them. With `--script <name>` it runs that npm script of the root instead.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { nx } from './nx.mjs';
import { prepare } from './prepare.mjs';
import { wantsTensorFlow } from './tensorFlow.mjs';
import { wantsBrowser } from './wantsBrowser.mjs';
import { clearResults, readResults, summarize, tellFailures } from './results.mjs';
import { fail, say } from './say.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const testTargets = ['test', 'conformance'];

async function runTargets(args) {
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  const targets = firstOption < 0 ? args : args.slice(0, firstOption);
  const options = firstOption < 0 ? [] : args.slice(firstOption);
  if (targets.length === 0) fail('no target given.', 'Usage: node tools/bootstrap/run.mjs <target...> [Nx options]');

  const isTest = targets.some((target) => testTargets.includes(target));
  if (isTest) clearResults(root);
  const { status } = await nx(['run-many', '-t', ...targets, ...options], { root });
  if (isTest) report(readResults(root));
  if (status !== 0) fail(`${targets.join(', ')}: at least one task failed; its output is above.`);
}

function report(results) {
  for (const line of tellFailures(results)) say(line);
  for (const result of results) say(`${result.name.padEnd(20)} ${summarize([result])}`);
  console.log(summarize(results));
}

function runScript(name) {
  const env = { ...process.env, NX_DAEMON: 'false' };
  const { status } = spawnSync('npm', ['run', '--silent', name], { cwd: root, stdio: 'inherit', env });
  process.exitCode = status ?? 1;
}

const args = process.argv.slice(2);
prepare(root, { browser: wantsBrowser(args), tensorFlow: wantsTensorFlow(args) });
if (args[0] === '--script') runScript(args[1]);
else await runTargets(args);
