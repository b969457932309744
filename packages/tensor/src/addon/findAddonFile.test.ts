import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { jest } from '@jest/globals';

import { builtFile, findAddonFile, requireFrom, resolveInstalled } from '@scmoe/native/signatures';
import { temporaryFolder } from '@scmoe/testing';

const { path } = temporaryFolder();
const root = realpathSync(path);
const platform = `${process.platform}-${process.arch}`;
const packageName = '@imagined/tensor';

function write(name: string, content = ''): string {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** A package with an addon, in a folder of the root. @returns its addon */
function install(folder: string): string {
  write(join(folder, 'package.json'), JSON.stringify({ name: packageName }));
  return write(join(folder, 'prebuilds', platform, 'some.node'));
}

function find(moduleUrl: string | undefined) {
  return findAddonFile({ packageName, file: 'some.node', moduleUrl, what: 'addon', advice: 'build it' });
}

const urlOf = (name: string) => pathToFileURL(join(root, name)).href;

describe('the file of an addon', () => {
  const [node, program] = process.argv as [string, string];
  const workIn = (folder: string) => jest.spyOn(process, 'cwd').mockReturnValue(join(root, folder));

  beforeEach(() => {
    process.argv[1] = write('elsewhere/program.js');
    workIn('elsewhere');
  });

  afterEach(() => {
    process.argv.splice(0, 2, node, program);
    jest.restoreAllMocks();
  });

  it('is that of the package that the module lies in, whether built or source', () => {
    const addon = install('own');
    expect(find(urlOf('own/dist/index.js'))).toEqual({ path: addon });
    expect(find(urlOf('own/src/addon/loadAddon.ts'))).toEqual({ path: addon });
  });

  it('is that of the package installed beside a bundle', () => {
    const addon = install(`server/node_modules/${packageName}`);
    expect(find(urlOf('server/dist/bundle.js'))).toEqual({ path: addon });
  });

  it.each([
    ['a bundle of CommonJS has no URL', undefined],
    ['a bundler gives the URL of another machine', 'file:///no/such/folder/index.js'],
    ['a bundler gives an address of its own', 'webpack://app/index.js'],
  ])('is that of the package as the program, then the working directory, find it: %s', (_, moduleUrl) => {
    const ofProgram = install(`served/node_modules/${packageName}`);
    const ofFolder = install(`folder/node_modules/${packageName}`);
    workIn('folder');
    expect(find(moduleUrl)).toEqual({ path: ofFolder });
    process.argv[1] = join(root, 'served', 'dist', 'main.cjs');
    expect(find(moduleUrl)).toEqual({ path: ofProgram });
    // Node without a program: its prompt, and -e.
    process.argv.length = 1;
    expect(find(moduleUrl)).toEqual({ path: ofFolder });
  });

  it('is missing where the package has none for this machine: the problem says what to do', () => {
    write('bare/package.json', JSON.stringify({ name: packageName }));
    expect(find(urlOf('bare/dist/index.js'))).toEqual({
      path: join(root, 'bare', 'prebuilds', platform, 'some.node'),
      problem: `there is no addon for ${platform}; build it`,
    });
  });

  it('is missing where a bundle stands alone: the problem says so, and what to do', () => {
    const { problem } = find(urlOf('alone/bundle.js'));
    expect(problem).toMatch(/^this program is bundled and @imagined\/tensor, whose addon is no part of a bundle,/);
    expect(problem).toMatch(/is not installed beside it; install it there, or .+\(external: \['@scmoe\/\*'\]\)$/);
  });

  it('is not taken from a folder above that is another package', () => {
    write('other/package.json', JSON.stringify({ name: '@imagined/other' }));
    write(`other/prebuilds/${platform}/some.node`);
    expect(find(urlOf('other/dist/index.js')).problem).toMatch(/^this program is bundled/);
  });
});

describe('what is installed', () => {
  it('is found from the module, and each file once', () => {
    const main = write('app/node_modules/imagined/index.js', 'module.exports = 7;');
    const found = resolveInstalled('imagined', urlOf('app/src/main.js'));
    expect(found).toEqual([main]);
    expect(requireFrom(main)(main)).toBe(7);
    expect(requireFrom(join(root, 'app', 'any.js'))('imagined')).toBe(7);
  });

  it('is nothing where there is nothing, whatever the URL', () => {
    for (const url of [undefined, '', 'https://host/a.js', 'file:///no/such/folder/a.js'])
      expect(resolveInstalled('no-such-package-anywhere', url)).toEqual([]);
  });
});

describe('a built file beside a module', () => {
  it('is there where the module was built, and nowhere else', () => {
    const worker = write('built/worker.js');
    expect(builtFile('worker.js', urlOf('built/index.js'))).toBe(worker);
    expect(builtFile('other.js', urlOf('built/index.js'))).toBeUndefined();
    expect(builtFile('worker.js', undefined)).toBeUndefined();
    expect(builtFile('worker.js', 'https://host/index.js')).toBeUndefined();
  });
});

it('is found where the working directory is gone', () => {
  const addon = install('without-directory');
  const cwd = jest.spyOn(process, 'cwd').mockImplementation(() => {
    throw new Error('uv_cwd');
  });
  try {
    expect(find(pathToFileURL(join(root, 'without-directory', 'dist', 'index.js')).href)).toEqual({ path: addon });
    expect(find(undefined).problem).toMatch(/not installed beside it/);
  } finally {
    cwd.mockRestore();
  }
});
