import { mkdirSync, writeFileSync } from 'node:fs';

import { scmoe, temporaryFiles } from '../testing/scmoe.js';

const file = temporaryFiles();

describe('scmoe serve', () => {
  it('says what a folder lacks that is no model', async () => {
    const folder = file('empty');
    mkdirSync(folder);
    const { code, err } = await scmoe('serve', folder, '--threads', '1');
    expect(err).toMatch(/scmoe: .*empty holds no checkpoint/);
    expect(code).toBe(1);
  });

  it('asks for a key where others could reach it, before it loads anything', async () => {
    const { code, err } = await scmoe('serve', 'nowhere', '--host', '0.0.0.0');
    expect(err).toMatch(/^scmoe: host: expected a loopback address on a server without an API key, got 0\.0\.0\.0/);
    expect(code).toBe(2);
  });

  it('says what is wrong with the file of the key', async () => {
    const missing = await scmoe('serve', 'nowhere', '--api-key-file', file('missing'));
    expect(missing.err).toMatch(/^scmoe: Can't read --api-key-file: .*missing/);
    writeFileSync(file('blank'), '\n');
    const blank = await scmoe('serve', 'nowhere', '--api-key-file', file('blank'));
    expect(blank.err).toMatch(/blank: expected a key, got an empty file/);
    writeFileSync(file('spaced'), 'two words\n');
    const spaced = await scmoe('serve', 'nowhere', '--api-key-file', file('spaced'));
    expect(spaced.err).toMatch(/visible ASCII characters without spaces/);
    expect([missing.code, blank.code, spaced.code]).toEqual([2, 2, 2]);
  });

  it.each([
    [['--port', '70000'], /Expected a whole number from 0 to 65535/],
    [['--timeout', 'long'], /Expected seconds/],
    [['--precision', 'int8'], /Allowed choices are float32, bf16/],
  ])('refuses %j', async (flags, message) => {
    const { code, err } = await scmoe('serve', 'nowhere', ...flags);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
