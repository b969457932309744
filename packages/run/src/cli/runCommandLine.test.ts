import { jest } from '@jest/globals';

import { runCommandLine } from './runCommandLine.js';

it('says that the working directory is gone', async () => {
  const cwd = jest.spyOn(process, 'cwd').mockImplementation(() => {
    throw Object.assign(new Error('ENOENT: no such file or directory, uv_cwd'), { code: 'ENOENT' });
  });
  try {
    let text = '';
    const stream = { write: (part: string) => ((text += part), true) } as unknown as NodeJS.WriteStream;
    const commandLine = { name: 'lm-train', description: '', commands: [] };
    expect(await runCommandLine(commandLine, [], { out: stream, err: stream })).toBe(1);
    expect(text).toBe('lm-train: the working directory is gone: change to one that is there.\n');
  } finally {
    cwd.mockRestore();
  }
});
