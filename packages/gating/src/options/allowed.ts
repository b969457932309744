import type { NumberOption, OptionSpec } from './OptionSpec.js';

/** Whether a value is one that the option may have. Of a record only that it is one. */
export function isAllowed(value: unknown, spec: OptionSpec): boolean {
  switch (spec.type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'choice':
      return (spec.choices as readonly unknown[]).includes(value);
    case 'integers':
    case 'numbers': {
      const type = spec.type === 'integers' ? 'integer' : 'number';
      return Array.isArray(value) && value.every((each) => isNumber(each, { type, minimum: spec.minimum }));
    }
    case 'record':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return isNumber(value, spec);
  }
}

/** What an option may be, in words: what a message says was expected. */
export function allowedText(spec: OptionSpec): string {
  switch (spec.type) {
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
    case 'integers':
    case 'numbers':
      return `${spec.type} >= ${spec.minimum}`;
    case 'record':
      return 'an object';
    default:
      return numberText(spec);
  }
}

type Limits = Pick<NumberOption, 'type' | 'minimum' | 'above' | 'below'>;

function isNumber(value: unknown, { type, minimum = -Infinity, above = -Infinity, below = Infinity }: Limits): boolean {
  const isOfType = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  const number = value as number;
  return isOfType && number >= minimum && number > above && number < below;
}

function numberText({ type, minimum, above, below }: Limits): string {
  if (type === 'integer' && minimum === 1 && below === undefined) return 'a positive integer';
  const article = type === 'integer' ? 'an integer' : 'a number';
  const low = above ?? minimum;
  if (low === undefined) return below === undefined ? article : `${article} < ${below}`;
  if (below !== undefined) return `${article} in ${above === undefined ? '[' : '('}${low}, ${below})`;
  return `${article} ${above === undefined ? '>=' : '>'} ${low}`;
}
