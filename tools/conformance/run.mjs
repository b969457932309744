// Runs TF.js's own conformance suite (@tensorflow/tfjs-core/dist/tests) against the built @scmoe/tensor, or @scmoe/tensorflow.
// Usage: node run.mjs [--backend scmoe|tensorflow] [--filter <text in the spec's name>]. Fails on any failed spec but those of
// knownFailures.mjs, on one of these that passes, and when specs went missing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import esbuild from 'esbuild';
import Jasmine from 'jasmine';

import { knownFailures } from './knownFailures.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const { values: options } = parseArgs({
  options: { backend: { type: 'string', default: 'scmoe' }, filter: { type: 'string' } },
});

/** TF.js 4.22.0 has 4,232 specs; fewer than this means that bundling lost some. */
const fewestSpecs = 4200;

const backendName = options.backend;
const packageName = { scmoe: '@scmoe/tensor', tensorflow: '@scmoe/tensorflow' }[backendName];
if (packageName === undefined) throw new Error(`--backend: expected scmoe or tensorflow, got ${backendName}`);
const backendPackage = require(packageName);
const problem = backendName === 'scmoe' ? backendPackage.findAddon().problem : backendPackage.findTensorFlow().problem;
if (problem !== undefined) {
  console.log(`conformance: skipped, the ${backendName} backend is not available: ${problem}`);
  leaveCounts({ passed: 0, failed: 0, skipped: 1 });
  process.exit(0);
}

const suite = join(here, 'dist', 'suite.cjs');
await esbuild.build({
  stdin: { contents: entry(backendName), resolveDir: here, sourcefile: 'entry.cjs' },
  outfile: suite,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  mainFields: ['module', 'main'],
  // tfjs-core declares itself free of side effects, but its tests register themselves when they are imported.
  ignoreAnnotations: true,
  external: ['jasmine-core', packageName],
  logLevel: 'error',
});

const counts = { passed: 0, failed: 0, pending: 0, excluded: 0 };
const known = new Map(Object.entries(knownFailures[backendName]));
const failedAsKnown = [];
const failures = [];
const jasmine = new Jasmine({ projectBaseDir: here });
jasmine.exitOnCompletion = false;
jasmine.loadConfig({ random: false, spec_files: [] });
jasmine.env.configure({ specFilter: (spec) => isWanted(spec.getFullName()) });
jasmine.clearReporters();
jasmine.addReporter({
  specDone(spec) {
    counts[spec.status]++;
    const name = spec.fullName.replace(` test-${backendName} {}`, '');
    const cause = known.get(name);
    if (spec.status === 'passed' && cause !== undefined) {
      complain(`${spec.fullName} passes, and is among the known failures: take it out of knownFailures.mjs`);
    }
    if (spec.status !== 'failed') return;
    if (cause !== undefined) {
      failedAsKnown.push(`known failure: ${name}: ${cause}`);
      return;
    }
    const failure = [
      spec.fullName,
      ...spec.failedExpectations.map(({ message, stack }) => `  ${message}\n${stack ?? ''}`),
    ];
    console.error(`FAILED ${failure.join('\n')}`);
    failures.push(failure.join('\n'));
  },
  suiteDone: reportErrors,
  jasmineDone: reportErrors,
});

require(suite);
const { overallStatus, incompleteReason } = await jasmine.execute();

const ran = counts.passed + counts.failed;
const missing = options.filter === undefined && ran < fewestSpecs;
if (missing) complain(`only ${ran} specs ran, expected at least ${fewestSpecs}`);
if (overallStatus === 'incomplete') complain(`the suite did not complete: ${incompleteReason}`);
for (const line of failedAsKnown) console.log(line);
console.log(
  `conformance of ${backendName}: ${counts.passed} passed, ${counts.failed} failed (${failedAsKnown.length} of them known), ` +
    `${counts.pending + counts.excluded} skipped`,
);
const passed = overallStatus !== 'incomplete' && failures.length === 0;
leaveCounts({
  passed: counts.passed,
  failed: counts.failed - failedAsKnown.length || (passed ? 0 : 1),
  skipped: counts.pending + counts.excluded,
  failures,
});
process.exit(passed ? 0 : 1);

/** Errors outside of specs. */
function reportErrors({ failedExpectations = [] }) {
  for (const { message, stack } of failedExpectations) complain(`${message}\n${stack ?? ''}`);
}

function complain(problem) {
  console.error(problem);
  failures.push(problem);
}

/** Where `npm test` adds up the suites, in the words of Jest's report. */
function leaveCounts({ passed, failed, skipped, failures = [] }) {
  mkdirSync(join(here, 'test-results'), { recursive: true });
  writeFileSync(
    join(here, 'test-results', 'conformance.json'),
    JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, failures }),
  );
}

/** Module that loads TF.js, the package under test, and then the specs; the order matters. */
function entry(backend) {
  return `
    require('@tensorflow/tfjs-core/dist/index');
    require('@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops');
    require('@tensorflow/tfjs-core/dist/register_all_gradients');
    const { setTestEnvs } = require('@tensorflow/tfjs-core/dist/jasmine_util');
    require(${JSON.stringify(packageName)})${backend === 'tensorflow' ? '.registerBackend()' : ''};
    const backendName = ${JSON.stringify(backend)};
    setTestEnvs([{ name: 'test-' + backendName, backendName, flags: {}, isDataSync: true }]);
    require('@tensorflow/tfjs-core/dist/tests');
  `;
}

function isWanted(name) {
  // Those specs start a Worker from a bundle of the browser's build, which Node does not have.
  if (name.includes('computation in worker')) return false;
  return options.filter === undefined || name.includes(options.filter);
}
