import { ArgumentError } from '@scmoe/errors';
import { type ParameterSpecs } from '@scmoe/layer';

import type { TensorRule } from './TensorRule.js';

/** A tensor on one side: its name and shape. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A rule with its numbers filled in. */
export interface TensorLink {
  /** Tensors of the model with the shape that this rank has: of stacked experts its own. */
  readonly ours: readonly TensorPlace[];
  /** One, or one for each expert that this rank has. */
  readonly theirs: readonly TensorPlace[];
  /** Theirs is one for each expert. */
  readonly stacked: boolean;
  readonly transposed: boolean;
  /** Groups along the last axis within each of which ours lie side by side; as many as one of them has columns: they take turns. */
  readonly groups: number;
  /** Where theirs is one for all experts and this rank has a part: its entries along the first axis. */
  readonly part?: { readonly first: number; readonly count: number };
  /** Names of theirs that other ranks have: experts that are not here. */
  readonly elsewhere: readonly string[];
}

/**
 * The links of all tensors of a model.
 *
 * @throws ArgumentError naming the tensors of the model that no rule knows.
 */
export function linkTensors(rules: readonly TensorRule[], specs: ParameterSpecs): TensorLink[] {
  const patterns = rules.map(({ ours }) => [ours].flat().map(patternOf));
  const found = new Map<string, { rule: TensorRule; numbers: Numbers }>();
  const unknown: string[] = [];
  for (const name of Object.keys(specs)) {
    const match = firstMatch(patterns, name);
    if (!match) unknown.push(name);
    else
      found.set(`${match.index} ${JSON.stringify(match.numbers)}`, {
        rule: rules[match.index]!,
        numbers: match.numbers,
      });
  }
  if (unknown.length > 0) throw new ArgumentError(`the format has no name for ${unknown.join(', ')}`);
  return [...found.values()].map(({ rule, numbers }) => link(rule, numbers, specs));
}

type Numbers = Record<string, string>;

function link(rule: TensorRule, numbers: Numbers, specs: ParameterSpecs): TensorLink {
  const names = [rule.ours].flat().map((pattern) => fill(pattern, numbers));
  const ours = names.map((name) => ({ name, shape: specs[name]!.shape }));
  const stacked = rule.theirs.includes('{expert}');
  const plain = shapeOfTheirs(ours, { stacked, transposed: rule.transposed ?? false });
  const shape = rule.shape ?? (rule.leadingOne ? [1, ...plain] : plain);
  const { part } = specs[names[0]!]!;
  const { first, of } = part ?? { first: 0, of: ours[0]!.shape[0]! };
  const count = ours[0]!.shape[0]!;
  const every = stacked
    ? Array.from({ length: of }, (_, expert) => fill(rule.theirs, { ...numbers, expert: String(expert) }))
    : [fill(rule.theirs, numbers)];
  const here = stacked ? every.slice(first, first + count) : every;
  return {
    ours,
    theirs: here.map((name) => ({ name, shape: part && !stacked ? [of, ...shape.slice(1)] : shape })),
    stacked,
    transposed: rule.transposed ?? false,
    groups: rule.interleaved ? ours[0]!.shape.at(-1)! : (rule.groups ?? 1),
    ...(part && !stacked && { part: { first, count } }),
    elsewhere: every.filter((name) => !here.includes(name)),
  };
}

function shapeOfTheirs(
  ours: readonly TensorPlace[],
  { stacked, transposed }: { stacked: boolean; transposed: boolean },
): number[] {
  const shape = stacked ? ours[0]!.shape.slice(1) : [...ours[0]!.shape];
  shape[shape.length - 1] = ours.reduce((sum, place) => sum + place.shape.at(-1)!, 0);
  return transposed ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;
}

/** `block{block}.attn.wq` as an expression that finds the numbers. */
function patternOf(name: string): RegExp {
  const parts = name.split(/\{(\w+)\}/);
  const text = parts.map((part, i) => (i % 2 === 0 ? part.replaceAll('.', '\\.') : `(?<${part}>\\d+)`));
  return new RegExp(`^${text.join('')}$`);
}

function firstMatch(patterns: readonly RegExp[][], name: string): { index: number; numbers: Numbers } | undefined {
  for (const [index, alternatives] of patterns.entries()) {
    for (const pattern of alternatives) {
      const match = pattern.exec(name);
      if (match) return { index, numbers: { ...match.groups } };
    }
  }
  return undefined;
}

function fill(pattern: string, numbers: Numbers): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => numbers[name]!);
}
