import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { temporaryFolder } from '@scmoe/testing';

import { TraceFile } from './TraceFile.js';

const folder = temporaryFolder();
const opened = (path: string, rank = 0) => TraceFile.open(path, { numSteps: 2, rank });

describe('the file of a trace', () => {
  it('is made at the start with its folder, holds the last steps at the end', async () => {
    const path = join(folder.path, 'new', 'trace.json');
    const file = await opened(path);
    expect(readFileSync(path, 'utf8')).toBe('');
    await file.write(undefined, 'a title');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('traceEvents');
  });

  it('keeps what it held until then', async () => {
    const path = join(folder.path, 'old.json');
    writeFileSync(path, 'before');
    await opened(path);
    expect(readFileSync(path, 'utf8')).toBe('before');
  });

  it.each([
    ['', /^--trace: expected a file, got an empty path\.$/],
    ['.', /^Can't write the trace .*: it is a folder \(EISDIR\)\.$/],
    ['file/trace.json', /^Can't write the trace .*: (a part of the path is not a folder|there is a file in the way)/],
  ])('that can not be written is refused before the first step: %p', async (name, message) => {
    writeFileSync(join(folder.path, 'file'), '');
    const opening = opened(name === '' ? '' : join(folder.path, name));
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow(message);
  });

  it('is looked at by rank 0 alone', async () => {
    await expect(opened(folder.path, 1)).resolves.toBeInstanceOf(TraceFile);
  });
});
