/** Arguments of a native function, by name. */
export type CallArguments = Record<string, unknown>;

/** What one native call belongs to, and the least that it has to do. */
export interface Phase {
  phase: string;
  /** Multiplications and additions of its products; 0 where it makes none. */
  flops: number;
  /** Bytes of the tensors that it reads and writes, each once. */
  bytes: number;
}

/** Looks at a call's sizes. */
export function phaseOf(name: string, args: CallArguments): Phase {
  const [label, flops] = productOf(name, args) ?? [name, 0];
  // Memory that is given back is not read.
  return { phase: label, flops, bytes: name === 'discard' ? 0 : bytesOf(args) };
}

function productOf(name: string, args: CallArguments): [string, number] | undefined {
  const number = (key: string) => args[key] as number;
  const [rows, dIn, dOut] = [number('rows'), number('dIn'), number('dOut')];
  switch (name) {
    case 'linearForward':
      return [`linear ${dIn} to ${dOut}, forward`, 2 * rows * dIn * dOut];
    case 'linearBackward':
      return [`linear ${dIn} to ${dOut}, backward`, 4 * rows * dIn * dOut];
    case 'mergedLinearForward':
      return [`linear ${dIn} to ${widthsOf(args)}, forward`, 2 * rows * dIn * columnsOf(args)];
    case 'mergedLinearBackward':
      return [`linear ${dIn} to ${widthsOf(args)}, backward`, 4 * rows * dIn * columnsOf(args)];
    case 'mlpForward':
      return ['MLP, forward', 4 * rows * number('d') * number('f')];
    case 'mlpBackward':
      return ['MLP, backward', 8 * rows * number('d') * number('f')];
    case 'groupedFfnForward':
      return ['experts, forward', 4 * rows * number('d') * number('f')];
    case 'groupedFfnBackward':
      return ['experts, backward', 8 * rows * number('d') * number('f')];
    case 'linearCrossEntropy':
      return ['head and loss, with gradients', (args['dx'] ? 6 : 2) * rows * dIn * number('classes')];
    case 'attention':
      return ['attention, forward', 2 * scoreFlops(args)];
    case 'attentionBackward':
      return ['attention, backward', 5 * scoreFlops(args)];
    default:
      return undefined;
  }
}

/** Widths of the layers of one input. */
function widthsOf({ outputs }: CallArguments): string {
  return (outputs as number[]).join(' + ');
}

function columnsOf({ outputs }: CallArguments): number {
  return (outputs as number[]).reduce((sum, width) => sum + width, 0);
}

/** Operations of queries times keys. */
function scoreFlops(args: CallArguments): number {
  const [batch, queries, keys, heads, size] = ['batch', 'queries', 'keys', 'heads', 'size'].map(
    (key) => args[key] as number,
  ) as [number, number, number, number, number];
  // Under the causal mask query i of as many sees i + 1 keys.
  const seen = args['causal'] ? keys - (queries - 1) / 2 : keys;
  return 2 * batch * heads * queries * seen * size;
}

/** Bytes of all arrays, also those in lists and in lists of parameters. */
function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + bytesOf(part), 0);
}
