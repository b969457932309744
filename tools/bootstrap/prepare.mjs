// From a fresh clone to a machine that can build: every step says what it does, and does nothing the second time.
import { inspectMachine, missingParts, nodeProblem } from './machine.mjs';
import { installDependencies } from './dependencies.mjs';
import { fail, say } from './say.mjs';
import { installSystemPackages } from './systemPackages.mjs';

/** The parts that only pay on platforms where the native kernels build. */
function prepareNative() {
  const required = process.env.SCMOE_REQUIRE_NATIVE === '1';
  if (process.platform !== 'linux') {
    if (required)
      fail(`SCMOE_REQUIRE_NATIVE=1, but the native kernels build on Linux only (this is ${process.platform}).`);
    say(
      `the native kernels build on Linux only: on ${process.platform} it runs on TF.js's wasm or cpu backend, slower.`,
    );
    return;
  }
  let missing = missingParts(inspectMachine());
  if (missing.length === 0) return;

  const command = installSystemPackages(missing.map(({ part }) => part));
  missing = missingParts(inspectMachine());
  if (missing.length === 0) return;

  const words = missing.map((part) => part.words).join(', ');
  const advice = command ? `To install: ${command}` : 'Install it with the package manager of this system.';
  if (required) fail(`SCMOE_REQUIRE_NATIVE=1, but this machine lacks ${words}.`, advice);
  say(`without ${words} it runs on TF.js's wasm or cpu backend, slower. ${advice}`);
}

export function prepare(root) {
  const problem = nodeProblem();
  if (problem) fail(problem);
  prepareNative();
  installDependencies(root);
}
