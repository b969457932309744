import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startScmoe, temporaryFolder } from '@scmoe/testing';

import { lmTrain } from './testing/lmTrain.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();

describe('a trained run', () => {
  it.each([
    ['', false],
    [', its experts on a disk', true],
  ])('is served by scmoe serve with the texts that generate writes, until a signal ends it%s', async (_, isPacked) => {
    const { options, runs } = tinyRun(folder.path);
    expect(await lmTrain('train', ...options)).toMatchObject({ code: 0 });
    const sampling = ['--max-tokens', '7', '--temperature', '0', '--threads', '1', '--stop-at-end'];
    const written = await lmTrain('generate', 'latest', '--run-dir', runs, '--prompt', 'the quick', ...sampling);
    expect(written.code).toBe(0);

    const keyFile = join(folder.path, 'key');
    writeFileSync(keyFile, 'sk-of-a-test\n', { mode: 0o600 });
    const run = /checkpoint: (.*)\n/.exec(written.err)![1]!;
    const packed = join(folder.path, 'packed');
    if (isPacked) await (await import('@scmoe/experts')).packExperts({ checkpoint: run, out: packed });
    const server = startScmoe([
      'serve',
      run,
      ...(isPacked ? ['--expert-store', packed, '--expert-cache-mib', '1'] : []),
      '--port',
      '0',
      '--name',
      'mine',
      '--threads',
      '1',
      '--api-key-file',
      keyFile,
    ]);
    while (!server.output().includes('\n')) {
      const ended = await Promise.race([server.done, new Promise((resolve) => setTimeout(resolve, 20))]);
      expect(ended).toBeUndefined();
    }
    const url = server.output().trim();
    const ask = (key: string) =>
      fetch(`${url}/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: 'mine', prompt: 'the quick', max_tokens: 7, temperature: 0 }),
      });
    expect((await ask('sk-of-nobody')).status).toBe(401);
    const { choices } = (await (await ask('sk-of-a-test')).json()) as { choices: { text: string }[] };
    expect(`the quick${choices[0]!.text}\n`).toBe(written.out);

    server.process.kill('SIGTERM');
    const { code, err } = await server.done;
    expect(err).toContain('model: mine, without a chat template: completions only');
    expect(err.includes('read ahead, 0 on demand')).toBe(isPacked);
    expect(code).toBe(0);
  });
});
