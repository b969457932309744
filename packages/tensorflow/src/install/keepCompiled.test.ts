import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromSource, temporaryFolder } from '@scmoe/testing';

import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';
import { keepCompiled } from './keepCompiled.js';

const folder = temporaryFolder();

describe('keeping what XLA compiles', () => {
  const flags = process.env['TF_XLA_FLAGS'];
  afterEach(() => {
    if (flags === undefined) delete process.env['TF_XLA_FLAGS'];
    else process.env['TF_XLA_FLAGS'] = flags;
  });

  it('tells XLA of a folder for each version and processor, beside other flags', () => {
    process.env['TF_XLA_FLAGS'] = '--tf_xla_auto_jit=0';
    keepCompiled(join(folder.path, 'flags'), '2.21.0');
    const [own] = readdirSync(join(folder.path, 'flags'));
    expect(own).toMatch(/^tensorflow-2\.21\.0-[0-9a-f]{8}$/);
    expect(process.env['TF_XLA_FLAGS']).toBe(
      `--tf_xla_auto_jit=0 --tf_xla_persistent_cache_directory=${join(folder.path, 'flags', own!)}`,
    );
  });

  it('leaves a folder that the user has told XLA of', () => {
    process.env['TF_XLA_FLAGS'] = '--tf_xla_persistent_cache_directory=/mine';
    keepCompiled(join(folder.path, 'unused'), '2.21.0');
    expect(process.env['TF_XLA_FLAGS']).toBe('--tf_xla_persistent_cache_directory=/mine');
  });

  it('refuses a folder that can not be made', () => {
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    expect(() => keepCompiled(file, '2.21.0')).toThrow(/compiled steps can't be kept in .*file: /);
  });
});

describeWithTensorFlow('a step that XLA has kept', () => {
  it('is compiled once for two processes', () => {
    const cache = join(folder.path, 'compiled');
    const run = () => {
      const program = join(import.meta.dirname, '..', 'testing', 'compileOnceProgram.ts');
      const env = { ...process.env, SCMOE_COMPILE_CACHE: cache };
      const { stdout, status } = spawnSync(process.execPath, [...fromSource, program], { env, encoding: 'utf8' });
      expect([status, stdout]).toEqual([0, '240\n']);
      return readdirSync(cache).flatMap((own) => readdirSync(join(cache, own)));
    };
    const first = run();
    expect(first).toHaveLength(1);
    expect(run()).toEqual(first);
  });
});
