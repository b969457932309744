import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeUnless, fromSource, temporaryFolderForEach } from '@scmoe/testing';

import { addonProblem } from '../addon/loadAddon.js';
import { findTensorFlow } from './findTensorFlow.js';
import { gpuOfRank } from './gpuOfRank.js';
import { installCommand } from './installAdvice.js';

/** The beginning of an ELF file for a machine: all that is looked at. */
function elf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header.writeUInt16LE(machine, 18);
  return header;
}
const machines = { x64: 62, arm64: 183 } as Record<string, number>;
const here = machines[process.arch]!;

describe('finding TensorFlow', () => {
  const folder = temporaryFolderForEach();
  const wheel = (path: string, content = elf(here)) => {
    const made = join(folder.path, path, 'tensorflow');
    mkdirSync(made, { recursive: true });
    for (const name of ['libtensorflow_framework.so.2', 'libtensorflow_cc.so.2'])
      writeFileSync(join(made, name), content);
    return made;
  };
  const none = () => [];

  it('takes the one that is named, then that of the active environment, then that of python3', () => {
    const named = wheel('named');
    const active = wheel('active/lib/python3.12/site-packages');
    const ofPython = wheel('modules');
    const found = (env: Record<string, string>, modules: string[] = []) => findTensorFlow(env, () => modules).installed;
    const environment = { VIRTUAL_ENV: join(folder.path, 'active') };
    expect(found({ SCMOE_TENSORFLOW: named, ...environment })).toMatchObject({
      folder: named,
      foundBy: 'SCMOE_TENSORFLOW',
    });
    expect(found({ SCMOE_TENSORFLOW: join(folder.path, 'active') })).toMatchObject({ folder: active });
    expect(found(environment)).toMatchObject({ folder: active, foundBy: 'VIRTUAL_ENV' });
    expect(found({}, [folder.path, join(folder.path, 'modules')])).toMatchObject({
      folder: ofPython,
      foundBy: 'python3',
    });
  });

  it('says in one sentence what is wrong and what to install', () => {
    const cure =
      /; `pip install .*tensorflow.*` installs one, in a virtual environment that is active then or that SCMOE_TENSORFLOW names$/;
    expect(findTensorFlow({}, none).problem).toMatch(/^no TensorFlow was found; /);
    expect(findTensorFlow({}, none).problem).toMatch(cure);
    expect(findTensorFlow({ SCMOE_TENSORFLOW: folder.path }, none).problem).toMatch(
      /^SCMOE_TENSORFLOW is .*, and there is no libtensorflow_cc\.so\.2 in it; name the folder 'tensorflow' of a wheel$/,
    );
    const foreign = process.arch === 'arm64' ? 'x64' : 'arm64';
    const problemOf = (content: Buffer) => findTensorFlow({ SCMOE_TENSORFLOW: wheel('other', content) }, none).problem;
    expect(problemOf(elf(machines[foreign]!))).toMatch(
      new RegExp(`libtensorflow_framework\\.so\\.2 is made for ${foreign}, this is ${process.arch}; \`pip`),
    );
    expect(problemOf(Buffer.from('version https://git-lfs'))).toMatch(/is no library of Linux, it may be a stub; `pip/);
    expect(problemOf(elf(here))).toBeUndefined();
  });

  it('names the wheel that a machine can use', () => {
    expect(installCommand(false, 'x64')).toMatch(/^pip install tensorflow-cpu==2\.\d+\.\d+$/);
    expect(installCommand(false, 'arm64')).toMatch(/^pip install tensorflow==/);
    expect(installCommand(true, 'x64')).toMatch(/^pip install 'tensorflow\[and-cuda\]==/);
  });

  it('gives each rank of a host its own GPU', () => {
    expect(gpuOfRank({})).toBe(0);
    expect(gpuOfRank({ LOCAL_RANK: '3' })).toBe(3);
    expect(gpuOfRank({ LOCAL_RANK: '3', CUDA_VISIBLE_DEVICES: '0,1,2,3' })).toBe(3);
    expect(gpuOfRank({ LOCAL_RANK: '3', CUDA_VISIBLE_DEVICES: '3' })).toBe(0);
  });
});

describeUnless(addonProblem(), 'a library that is not TensorFlow', () => {
  it('is refused by the symbols that it lacks', () => {
    const program = `
      import { loadAddon } from ${JSON.stringify(join(import.meta.dirname, '..', 'addon', 'loadAddon.ts'))};
      try { loadAddon().tfOpen({ framework: 'libm.so.6', library: 'libm.so.6', tf32: false }); }
      catch (error) { console.log(error.message); }`;
    const { stdout } = spawnSync(process.execPath, [...fromSource, '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stdout).toMatch(/libm\.so\.6 lacks TF_Version, TF_NewStatus, /);
  });
});
