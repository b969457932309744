// Builds the tensor addon once for each instruction set that CPUs in use have, and stages them beside the one for this machine: for
// packages that go to machines nobody knows. packages/tensor/src/addon/addonFiles.ts says which is taken where.
import { stage, stagedAt } from './stage.mjs';
import { compileProblem, compileVariant } from './cmake.mjs';

/** GCC's and Clang's words for each, by architecture. */
const variants = {
  x64: {
    avx2: 'x86-64-v3',
    avx512: 'x86-64-v4',
    avx512bf16: 'x86-64-v4+avx512vnni+avx512bf16',
  },
  arm64: { neon: 'armv8-a' },
};

const own = variants[process.arch];
const problem = own
  ? compileProblem()
  : `there are variants for ${Object.keys(variants).join(' and ')}, this is ${process.arch}`;
if (problem) {
  console.error(`native: no variants, ${problem}.`);
  process.exit(1);
}
// It would take the place of what is asked for below.
delete process.env.SCMOE_MARCH;
for (const [name, march] of Object.entries(own))
  stage(await compileVariant(name, march), stagedAt('tensor', `scmoe_tensor.${name}.node`));
