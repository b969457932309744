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

  // A library that the user names is theirs to provide.
  const ours = missing.filter(({ part }) => part !== 'oneDnn' || !process.env.SCMOE_ONEDNN_LIB);
  const command = ours.length > 0 ? installSystemPackages(ours.map(({ part }) => part)) : undefined;
  missing = missingParts(inspectMachine());
  if (missing.length === 0) return;

  const words = missing.map((part) => part.words).join(', ');
  const advice = command ? `To install: ${command}` : 'Please install it, or point CXX or SCMOE_ONEDNN_LIB at it.';
  if (required) fail(`SCMOE_REQUIRE_NATIVE=1, but this machine lacks ${words}.`, advice);
  say(`this machine lacks ${words}: it runs on TF.js's wasm or cpu backend, slower. ${advice}`);
}

export function prepare(root) {
  const problem = nodeProblem();
  if (problem) fail(problem);
  prepareNative();
  installDependencies(root);
}
