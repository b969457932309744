/**
 * A function of a native addon, as the one text from which TypeScript's types, the checks at run time and the C++ struct
 * of its arguments follow. Names to types; `'=>'` is what comes back. An argument is one of
 *
 * - `float32[rows * d]`: typed array of at least that many elements. Also int32, bool (a Uint8Array), bf16 (a
 *   Uint16Array), uint8; `float32|int32[n]` for one of several, `x.dtype[n]` for that of argument x.
 * - `float32[][n]`: n such arrays of any length; `float32[x][n]`: each at least as long as the one of list x.
 * - `size`: whole number of at least 0; `size 1..`, `size 1..columns` with bounds.
 * - `sizes[n]`: n sizes in a plain array.
 * - `integer`: whole number that a double holds exactly, with bounds where it says `integer 0..9`.
 * - `number`: any number; `boolean`; `text`; `texts`: array of texts; `function`.
 * - `Activation: none|gelu`: one of these texts; in C++ Activation::kNone, Activation::kGelu.
 * - `walk`: Float64Array of rank, sizes, strides of the first and of the second operand. Its operands' lengths are
 *   `reach(walk, 0)` and `reach(walk, 1, offset)`; `elements(walk)` is the product of its sizes.
 *
 * `out` in front of an array: it is written. `?` at the end: may be absent. Lengths and bounds are sums and products of
 * other arguments' names.
 */
export type Signature = Readonly<Record<string, string>>;

/** Signatures by the names of the addon's functions. */
export type Signatures = Readonly<Record<string, Signature>>;

interface ArrayTypes {
  float32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
  uint8: Uint8Array;
  bf16: Uint16Array;
}

type ArrayOf<Dtypes extends string> = Dtypes extends `${infer First}|${infer Rest}`
  ? ArrayOf<First> | ArrayOf<Rest>
  : Dtypes extends keyof ArrayTypes
    ? ArrayTypes[Dtypes]
    : Dtypes extends `${string}.dtype`
      ? Float32Array | Int32Array | Uint8Array
      : never;

type OneOf<Names extends string> = Names extends `${infer First}|${infer Rest}` ? First | OneOf<Rest> : Names;

type Present<Text extends string> = Text extends `out ${infer Written}`
  ? Present<Written>
  : Text extends `sizes[${string}]`
    ? readonly number[]
    : Text extends `${string}: ${infer Names}`
      ? OneOf<Names>
      : Text extends `${infer Dtypes}[${string}][${string}]`
        ? readonly ArrayOf<Dtypes>[]
        : Text extends `${infer Dtypes}[${string}]`
          ? ArrayOf<Dtypes>
          : Text extends `size${string}` | `integer${string}` | 'number'
            ? number
            : Text extends 'boolean'
              ? boolean
              : Text extends 'text'
                ? string
                : Text extends 'texts'
                  ? readonly string[]
                  : Text extends 'walk'
                    ? Float64Array
                    : Text extends 'function'
                      ? (sequence: number) => void
                      : never;

interface Results {
  number: number;
  boolean: boolean;
  text: string;
  'text?': string | undefined;
  bytes: Uint8Array;
  buffer: ArrayBuffer;
}

type Result<S> = S extends { '=>': infer Text extends keyof Results } ? Results[Text] : void;

type Names<S> = Exclude<keyof S, '=>'>;
type Optional<S> = { [Name in Names<S>]: S[Name] extends `${string}?` ? Name : never }[Names<S>];

/** The arguments of one function, by name. */
export type Arguments<S> = {
  [Name in Exclude<Names<S>, Optional<S>>]: Present<S[Name] & string>;
} & {
  [Name in Optional<S>]?: S[Name] extends `${infer Text}?` ? Present<Text> | undefined : never;
};

/** The functions of an addon: each takes its arguments by name in one object. */
export type Functions<Table> = {
  [Name in keyof Table]: [Names<Table[Name]>] extends [never]
    ? () => Result<Table[Name]>
    : (args: Arguments<Table[Name]>) => Result<Table[Name]>;
};

/** One signature under several names, each with the prefix before it. */
export function each<const Prefix extends string, const Names extends readonly string[], const S extends Signature>(
  prefix: Prefix,
  names: Names,
  signature: S,
): { readonly [Name in `${Prefix}${Names[number]}`]: S } {
  const entries = names.map((name) => [prefix + name, signature]);
  return Object.fromEntries(entries) as { readonly [Name in `${Prefix}${Names[number]}`]: S };
}
