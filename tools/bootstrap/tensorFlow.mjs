// The TensorFlow that the tests of @scmoe/tensorflow open: the two libraries out of the wheel for CPUs, in the work folder. No
// virtual environment: nothing of Python's is needed beside them, and what pip would install with them is three times as much.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { say } from './say.mjs';

/** Stands as `testedVersion` in packages/tensorflow too. */
const version = '2.21.0';
const projects = ['@scmoe/tensorflow', '@scmoe/lm-train', '@scmoe/cli'];

const folderOf = (root) => join(root, '.tensorflow');
const markOf = (folder) => join(folder, 'version');
const python = (args, options) => spawnSync('python3', args, { encoding: 'utf8', ...options });

/** The version in the work folder, or undefined. */
export function testTensorFlow(root) {
  return existsSync(markOf(folderOf(root))) ? readFileSync(markOf(folderOf(root)), 'utf8') : undefined;
}

/** Whether a run of Nx targets comes to tests that open TensorFlow. */
export function wantsTensorFlow(args) {
  if (!args.includes('test')) return false;
  const choosesProjects = args.some((arg) => /^(-p|--projects?)(=|$)/.test(arg));
  return !choosesProjects || args.some((arg) => projects.some((project) => arg.includes(project)));
}

/**
 * Puts the libraries into the work folder, unless they are there, or the user names a TensorFlow of his own. Where there is no
 * Python with pip, or no network, it says so in one line, and the tests are skipped.
 */
export function prepareTensorFlow(root, env = process.env) {
  if (env.SCMOE_TENSORFLOW || testTensorFlow(root) === version) return;
  const skipped = (reason) => say(`tests of TensorFlow are skipped: ${reason}`);
  if (process.platform !== 'linux') return skipped(`its libraries are opened on Linux only so far`);
  if (env.SCMOE_NO_INSTALL === '1') return skipped('SCMOE_NO_INSTALL=1');
  if (python(['-m', 'pip', '--version']).status !== 0)
    return skipped('there is no python3 with pip to fetch its wheel (Debian: apt-get install python3-pip)');

  const wheel = `tensorflow${process.arch === 'x64' ? '-cpu' : ''}==${version}`;
  say(`fetching the libraries of ${wheel} for the tests of @scmoe/tensorflow, about 280 MB`);
  mkdirSync(folderOf(root), { recursive: true });
  const folder = mkdtempSync(join(folderOf(root), 'new-'));
  try {
    // Of any Python that there is a wheel for: only libraries that know no Python are taken out of it.
    const options = ['--no-deps', '--only-binary=:all:', '--python-version', '3.12', '--quiet', '--dest', folder];
    const download = python(['-m', 'pip', 'download', ...options, wheel]);
    if (download.status !== 0) return skipped(`pip could not fetch it (${lastLine(download.stderr)})`);
    const unpacked = python(['-c', unpack, folder]);
    if (unpacked.status !== 0) return skipped(`its wheel could not be unpacked (${lastLine(unpacked.stderr)})`);
    rmSync(join(folderOf(root), 'tensorflow'), { recursive: true, force: true });
    renameSync(join(folder, 'tensorflow'), join(folderOf(root), 'tensorflow'));
    writeFileSync(markOf(folderOf(root)), version);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const unpack = `
import glob, re, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
names = [n for n in wheel.namelist() if re.fullmatch(r'tensorflow/lib[^/]*[.]so([.]\\d+)*', n)]
wheel.extractall(sys.argv[1], names)
`;

const lastLine = (text) => text.trim().split('\n').pop();
