/**
 * What one option may be, as data. Its TypeScript type (`OptionsOf`), its checks and default (`resolveOptions`), the names
 * that a configuration may have, and the flag and help of a command line all follow from it.
 */
export type OptionSpec = NumberOption | ChoiceOption | BooleanOption | ListOption | RecordOption;

/** Options by name. A table is written `{...} as const satisfies OptionSpecs`, so that its types follow from it. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

interface Described {
  /** What the option is, as --help says it: a phrase without a full stop. */
  readonly help: string;
  /** The configuration must have it. One that is not required has a `default`, a `derived` one, or is `optional`. */
  readonly required?: boolean;
  /** What the default is made of, in words, where other options decide it: the code that resolves them passes it. */
  readonly derived?: string;
  /** It stays undefined where it is not given. */
  readonly optional?: boolean;
  /** Name of the flag where that is not the option's name in kebab case; false: it has none. */
  readonly flag?: string | false;
}

export interface NumberOption extends Described {
  readonly type: 'integer' | 'number';
  /** Least value that is allowed. */
  readonly minimum?: number;
  /** Value that it must exceed. */
  readonly above?: number;
  /** Value that it must stay under. */
  readonly below?: number;
  readonly default?: number;
}

export interface ChoiceOption extends Described {
  readonly type: 'choice';
  readonly choices: readonly (string | boolean)[];
  readonly default?: string | boolean;
}

export interface BooleanOption extends Described {
  readonly type: 'boolean';
  readonly default?: boolean;
}

/** A list of numbers, or of whole ones, from `minimum` on. */
export interface ListOption extends Described {
  readonly type: 'integers' | 'numbers';
  readonly minimum: number;
  readonly default?: readonly number[];
}

/** Options below one name, by a table of their own. */
export interface RecordOption extends Described {
  readonly type: 'record';
  readonly options: OptionSpecs;
  readonly default?: undefined;
}

type ValueOf<S extends OptionSpec> = S extends NumberOption
  ? number
  : S extends ChoiceOption
    ? S['choices'][number]
    : S extends BooleanOption
      ? boolean
      : S extends ListOption
        ? readonly number[]
        : S extends RecordOption
          ? OptionsOf<S['options']>
          : never;

type ResolvedValueOf<S extends OptionSpec> = S extends RecordOption ? ResolvedOptions<S['options']> : ValueOf<S>;

type NamesWith<Specs, Property> = { [Name in keyof Specs]: Specs[Name] extends Property ? Name : never }[keyof Specs];
type Flat<T> = { [Name in keyof T]: T[Name] };

/** The configuration that a table describes: what is `required`, and what else may be given. */
export type OptionsOf<Specs extends OptionSpecs> = Flat<
  { -readonly [Name in NamesWith<Specs, { required: true }>]: ValueOf<Specs[Name]> } & {
    -readonly [Name in Exclude<keyof Specs, NamesWith<Specs, { required: true }>>]?: ValueOf<Specs[Name]>;
  }
>;

/** The same with every option decided; those that are `optional` may be absent. */
export type ResolvedOptions<Specs extends OptionSpecs> = Flat<
  { -readonly [Name in Exclude<keyof Specs, NamesWith<Specs, { optional: true }>>]: ResolvedValueOf<Specs[Name]> } & {
    -readonly [Name in NamesWith<Specs, { optional: true }>]?: ResolvedValueOf<Specs[Name]>;
  }
>;
