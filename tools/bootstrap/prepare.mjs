// From a fresh clone to a machine that can build: every step says what it does, and does nothing the second time.
import { browserAdvice, findChromium } from './chromium.mjs';
import { inspectMachine, missingExtras, missingParts, nodeProblem } from './machine.mjs';
import { installDependencies } from './dependencies.mjs';
import { fail, say } from './say.mjs';
import { installSystemPackages } from './systemPackages.mjs';
import { prepareTensorFlow } from './tensorFlow.mjs';

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
  const lacks = () => {
    const machine = inspectMachine();
    return { parts: missingParts(machine), extras: missingExtras(machine) };
  };
  let { parts, extras } = lacks();
  if (parts.length + extras.length === 0) return;

  // A library that the user names is theirs to provide.
  const ours = extras.filter(({ part }) => part !== 'oneDnn' || !process.env.SCMOE_ONEDNN_LIB);
  // One after the other: a package manager that lacks an extra must not fail on the rest.
  const commands = [parts, ...ours.map((extra) => [extra])].map((missing) =>
    missing.length > 0 ? installSystemPackages(missing.map(({ part }) => part)) : undefined,
  );
  ({ parts, extras } = lacks());
  const command = commands.filter(Boolean).join(' && ');
  const wordsOf = (missing) => missing.map((part) => part.words).join(', ');
  const advice = command ? `To install: ${command}` : 'Please install it, or point CXX or SCMOE_ONEDNN_LIB at it.';
  if (required && parts.length + extras.length > 0)
    fail(`SCMOE_REQUIRE_NATIVE=1, but this machine lacks ${wordsOf([...parts, ...extras])}.`, advice);
  if (parts.length > 0)
    say(`this machine lacks ${wordsOf(parts)}: it runs on TF.js's wasm or cpu backend, slower. ${advice}`);
  else
    for (const { words, without } of extras)
      say(`this machine lacks ${words}: it ${without}. ${command ? advice : ''}`.trim());
}

/** The browser that some tests drive: without one they are skipped. */
function prepareBrowser() {
  if (findChromium()) return;
  const command = installSystemPackages(['browser']);
  if (findChromium()) return;
  say(
    `this machine has no Chromium: tests in a browser are skipped. ${command ? `To install: ${command}` : browserAdvice}`,
  );
}

/** @param options `browser`, `tensorFlow`: what comes is a run of tests that wants them */
export function prepare(root, { browser = false, tensorFlow = false } = {}) {
  const problem = nodeProblem();
  if (problem) fail(problem);
  prepareNative();
  if (browser) prepareBrowser();
  if (tensorFlow) prepareTensorFlow(root);
  installDependencies(root);
}
