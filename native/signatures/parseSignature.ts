import type { Signature } from './Signature.js';

/** What an argument's text says, for the generator of the C++ side and for tests. */
export type Argument = { name: string; isOptional: boolean } & (
  | { kind: 'array'; dtypes: readonly Dtype[]; sameAs?: string; length: string; isWritten: boolean }
  | { kind: 'arrays'; dtypes: readonly Dtype[]; asLongAs?: string; count: string; isWritten: boolean }
  | { kind: 'size' | 'integer'; low?: string; high?: string }
  | { kind: 'sizes'; count: string }
  | { kind: 'choice'; type: string; choices: readonly string[] }
  | { kind: 'number' | 'boolean' | 'text' | 'texts' | 'walk' | 'function' }
);

export const dtypes = ['float32', 'int32', 'bool', 'bf16', 'uint8'] as const;
export type Dtype = (typeof dtypes)[number];

/** The arguments of a signature, in order. @throws Error naming the argument whose text is none */
export function parseSignature(signature: Signature): Argument[] {
  const given = Object.entries(signature).filter(([name]) => name !== '=>');
  return given.map(([name, text]) => {
    const isOptional = text.endsWith('?');
    const argument = parseText(isOptional ? text.slice(0, -1) : text);
    if (!argument) throw new Error(`${name}: '${text}' is no type of an argument; see Signature.ts`);
    return { name, isOptional, ...argument } as Argument;
  });
}

function parseText(text: string): Record<string, unknown> | undefined {
  if (['number', 'boolean', 'text', 'texts', 'walk', 'function'].includes(text)) return { kind: text };

  const range = /^(?<kind>size|integer)(?: (?<low>.*)\.\.(?<high>.*))?$/.exec(text)?.groups;
  if (range) return { kind: range['kind'], low: range['low'] || undefined, high: range['high'] || undefined };

  const sizes = /^sizes\[(?<count>.*)\]$/.exec(text)?.groups;
  if (sizes) return { kind: 'sizes', ...sizes };

  const choice = /^(?<type>\w+): (?<choices>\w+(\|\w+)+)$/.exec(text)?.groups;
  if (choice) return { kind: 'choice', type: choice['type'], choices: choice['choices']!.split('|') };

  const array = /^(?<out>out )?(?<types>[\w|]+|\w+\.dtype)(?:\[(?<like>\w*)\])?\[(?<length>.+)\]$/.exec(text)?.groups;
  if (!array) return undefined;
  const { out, types, like, length } = array as { out?: string; types: string; like?: string; length: string };
  const sameAs = /^(\w+)\.dtype$/.exec(types)?.[1];
  const names = sameAs ? [] : (types.split('|') as Dtype[]);
  if (names.some((name) => !dtypes.includes(name))) return undefined;
  const common = { dtypes: names, isWritten: out !== undefined };
  if (like === undefined) return { ...common, kind: 'array', sameAs, length };
  return { ...common, kind: 'arrays', asLongAs: like || undefined, count: length };
}
