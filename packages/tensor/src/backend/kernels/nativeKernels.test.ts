import { readFileSync } from 'node:fs';

import * as tf from '@tensorflow/tfjs';

import '../../index.js';
import { standardKernels } from './index.js';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
const section = readme.slice(readme.indexOf('### What is native of TF.js'), readme.indexOf('## Guarantees'));

it('the README names the kernels of TF.js that have no native version, and counts the others', () => {
  const native = new Set(standardKernels.map(({ kernelName }) => kernelName));
  const all = tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
  const listed = section.split('\n').flatMap((line) => (line.startsWith('| ') ? [...line.matchAll(/`(\w+)`/g)] : []));
  expect(listed.map(([, name]) => name).sort()).toEqual(all.filter((name) => !native.has(name)).sort());
  const [, count, total, others] = /^(\d+) of the (\d+) kernels.*The other (\d+) run/ms.exec(section)!;
  expect([count, total, others].map(Number)).toEqual([native.size, all.length, all.length - native.size]);
});
