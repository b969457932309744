import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { findChromium } from './chromium.mjs';
import { isCurrent } from './dependencies.mjs';
import { missingExtras, missingParts, nodeProblem } from './machine.mjs';
import { clearResults, readResults, summarize, tellFailures } from './results.mjs';
import { installCommand } from './systemPackages.mjs';
import { wantsBrowser } from './wantsBrowser.mjs';

describe('the machine', () => {
  it('accepts the oldest supported Node and everything newer', () => {
    for (const version of ['20.19.0', '20.20.2', '22.1.0', '30.0.0']) assert.equal(nodeProblem(version), undefined);
  });

  it('names the version that an old Node has and the one that is needed', () => {
    assert.match(nodeProblem('18.20.4'), /Node 20\.19 or newer is needed, this is 18\.20\.4/);
    assert.match(nodeProblem('20.9.0'), /20\.9\.0/);
  });

  it('lists only what is missing', () => {
    const machine = { compiler: 'g++ 12', cmake: undefined, make: 'GNU Make 4.3' };
    assert.deepEqual(
      missingParts(machine).map(({ part }) => part),
      ['cmake'],
    );
  });

  it('counts apart without what there is less: several ranks without Gloo, bf16 without oneDNN', () => {
    assert.deepEqual(
      missingExtras({}).map(({ part }) => part),
      ['oneDnn', 'gloo'],
    );
    assert.deepEqual(missingExtras({ gloo: '/usr/lib/libgloo.so', oneDnn: '/usr/lib/libdnnl.so.2' }), []);
  });
});

describe('the browser', () => {
  it('is the one that the user names, then the first on the PATH', () => {
    const folder = mkdtempSync(join(tmpdir(), 'scmoe-browser-'));
    const path = join(folder, 'chromium-browser');
    writeFileSync(path, '');
    assert.equal(findChromium({ PATH: folder }), path);
    assert.equal(findChromium({ PATH: '/nowhere', CHROME_PATH: path }), path);
    assert.equal(findChromium({ PATH: folder, SCMOE_CHROMIUM: join(folder, 'absent') }), undefined);
    assert.equal(findChromium({}), undefined);
    rmSync(folder, { recursive: true });
  });

  it('is wanted where all tests run, or those that drive it', () => {
    assert.ok(wantsBrowser(['test', 'conformance']));
    assert.ok(wantsBrowser(['test', '-p', '@scmoe/install-test']));
    assert.ok(!wantsBrowser(['test', '-p', '@scmoe/gating']));
    assert.ok(!wantsBrowser(['test', '--projects=@scmoe/gating']));
    assert.ok(!wantsBrowser(['build']));
  });
});

describe('the install command', () => {
  it('uses the names of the package manager at hand', () => {
    assert.equal(
      installCommand(['compiler', 'oneDnn'], (command) => command === 'apt-get'),
      'apt-get install -y --no-install-recommends g++ libdnnl-dev',
    );
    assert.equal(
      installCommand(['oneDnn'], (command) => command === 'pacman'),
      'pacman -S onednn',
    );
  });

  it('leaves out what a package manager does not have', () => {
    const apk = (command) => command === 'apk';
    assert.equal(installCommand(['oneDnn', 'gloo'], apk), 'apk add onednn');
    assert.equal(installCommand(['gloo'], apk), undefined);
  });

  it('is absent where no package manager is known', () => {
    assert.equal(
      installCommand(['cmake'], () => false),
      undefined,
    );
  });
});

describe('node_modules against the lock', () => {
  const lock = {
    packages: {
      '': { version: '0.0.0' },
      'packages/tensor': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/@scmoe/tensor': { link: true },
      'node_modules/a-darwin': { version: '1.0.0', optional: true },
    },
  };
  const linked = { 'node_modules/@scmoe/tensor': { link: true } };

  it('is current without the optional packages of other platforms', () => {
    assert.ok(isCurrent(lock, { packages: { 'node_modules/a': { version: '1.0.0' }, ...linked } }));
  });

  it('is stale when a version differs or a package is missing', () => {
    assert.ok(!isCurrent(lock, { packages: { 'node_modules/a': { version: '0.9.0' }, ...linked } }));
    assert.ok(!isCurrent(lock, { packages: linked }));
  });
});

describe('test counts', () => {
  it('adds up the suites and counts a file that could not run as a failure', () => {
    const root = mkdtempSync(join(tmpdir(), 'scmoe-results-'));
    const leave = (project, report) => {
      mkdirSync(join(root, project, 'test-results'), { recursive: true });
      writeFileSync(join(root, project, 'test-results', 'jest.json'), JSON.stringify(report));
    };
    for (const folder of ['packages', 'apps', 'tools']) mkdirSync(join(root, folder));
    leave('packages/tensor', {
      numPassedTests: 7,
      numFailedTests: 1,
      numPendingTests: 2,
      numRuntimeErrorTestSuites: 1,
      failures: ['src/a.test.ts: adds\nExpected: 2\nReceived: 3', 'src/b.test.ts\nSyntaxError'],
    });
    leave('native', { numPassedTests: 3, numFailedTests: 0, numPendingTests: 0 });
    assert.equal(summarize(readResults(root)), '10 passed, 2 failed, 2 skipped');
    assert.deepEqual(tellFailures(readResults(root)), [
      'failed test: packages/tensor: src/a.test.ts: adds',
      '    Expected: 2',
      '    Received: 3',
      'failed test: packages/tensor: src/b.test.ts',
      '    SyntaxError',
    ]);
    clearResults(root);
    assert.equal(summarize(readResults(root)), '0 passed, 0 failed, 0 skipped');
    rmSync(root, { recursive: true });
  });
});
