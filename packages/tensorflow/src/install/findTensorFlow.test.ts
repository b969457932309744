import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeUnless, fromSource, itOrSkip, temporaryFolderForEach } from '@scmoe/testing';

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

describeUnless(addonProblem(), 'a library that can not be used', () => {
  const folder = temporaryFolderForEach();
  /** What a process of its own says: a library that was opened stays. `open(tf32)` gives the error of a library. */
  const outputOf = (library: string, run: string) => {
    const program = `
      import { loadAddon } from ${JSON.stringify(join(import.meta.dirname, '..', 'addon', 'loadAddon.ts'))};
      const open = (tf32) => {
        try { loadAddon().tfOpen({ framework: '${library}', library: '${library}', tf32 }); }
        catch (error) { return error.message; }
      };
      ${run}`;
    const { stdout } = spawnSync(process.execPath, [...fromSource, '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, NVIDIA_TF32_OVERRIDE: undefined, NODE_OPTIONS: '' },
    });
    return stdout;
  };
  const problemOf = (library: string) => outputOf(library, 'console.log(open(false))');

  it('is refused by the symbols that it lacks where it is none of TensorFlow', () => {
    expect(problemOf('libm.so.6')).toMatch(/libm\.so\.6 lacks TF_Version, TF_NewStatus, /);
  });

  it('is opened without TF32 in products of float32 unless it is asked for', () => {
    const run = 'for (const tf32 of [true, false]) { open(tf32); console.log(process.env.NVIDIA_TF32_OVERRIDE); }';
    expect(outputOf('libm.so.6', run)).toBe('undefined\n0\n');
  });

  const noCompiler = spawnSync('cc', ['--version']).status === 0 ? undefined : 'there is no C compiler';
  itOrSkip(noCompiler, 'is refused by its version where it is too old, though it has the symbols of its time', () => {
    const [source, library] = ['old.c', 'libold.so.2'].map((name) => join(folder.path, name));
    writeFileSync(source!, 'const char* TF_Version(void) { return "2.9.1"; }');
    expect(spawnSync('cc', ['-shared', '-fPIC', '-o', library!, source!]).status).toBe(0);
    expect(problemOf(library!)).toMatch(
      /libold\.so\.2 is TensorFlow 2\.9\.1, too old: 2\.20 is the oldest that can be used/,
    );
  });
});
