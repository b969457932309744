/** An addon that may be there, and oneDNN's name for the instruction sets that it uses. */
interface AddonVariant {
  name: string;
  oneDnnIsa?: string;
}

/** The variants that `npm run build:variants` makes, best first; native/scripts/variants.mjs has the compiler's words for them. */
const variants: Partial<Record<string, readonly AddonVariant[]>> = {
  x64: [
    { name: 'avx512bf16', oneDnnIsa: 'AVX512_CORE_BF16' },
    { name: 'avx512', oneDnnIsa: 'AVX512_CORE' },
    { name: 'avx2', oneDnnIsa: 'AVX2' },
  ],
  arm64: [{ name: 'neon' }],
};

const fileOf = (name: string) => `scmoe_tensor.${name}.node`;

/** What to look for, and what oneDNN is to be held to; or why that can't be said. */
export type AddonFiles =
  | { files: string[]; oneDnnIsa?: string; problem?: undefined }
  | { files?: undefined; oneDnnIsa?: undefined; problem: string };

/**
 * Names the addon's files in the order in which they are tried. The one that was compiled for this machine comes first; after it those
 * for the instruction sets that CPUs have, best first, of which the first is taken that this CPU can run.
 *
 * @param arch `process.arch`
 * @param chosen `SCMOE_ISA`: one instruction set, and nothing else is tried
 */
export function addonFiles(arch: string, chosen: string | undefined): AddonFiles {
  const known = variants[arch] ?? [];
  if (!chosen) return { files: ['scmoe_tensor.node', ...known.map(({ name }) => fileOf(name))] };
  const variant = known.find(({ name }) => name === chosen);
  if (variant) return { files: [fileOf(chosen)], oneDnnIsa: variant.oneDnnIsa };
  const names = known.map(({ name }) => `'${name}'`);
  const expected = names.length > 0 ? `one of ${names.join(', ')}` : `nothing on ${arch}`;
  return { problem: `SCMOE_ISA: expected ${expected}, got '${chosen}'` };
}
