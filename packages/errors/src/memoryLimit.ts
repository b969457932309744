/** The part of Node's `process` that is read here, which no browser has. */
interface NodeProcess {
  getBuiltinModule?(name: 'node:os'): { totalmem(): number };
  constrainedMemory?(): number;
  availableMemory?(): number;
}

/**
 * Bytes of memory that this process can have: the machine's, or less where a container has a limit. Infinity where nobody
 * says, as in browsers.
 */
export function memoryLimit(): number {
  const { process } = globalThis as { process?: NodeProcess };
  const machine = process?.getBuiltinModule?.('node:os').totalmem() ?? Infinity;
  // 0, or more than there is, where there is no limit.
  const container = process?.constrainedMemory?.() || Infinity;
  return Math.min(machine, container);
}

/**
 * Bytes of memory that this process can still take without others being pushed out, in its container where it has one. Infinity
 * where nobody says, as in browsers.
 */
export function availableMemory(): number {
  const { process } = globalThis as { process?: NodeProcess };
  return process?.availableMemory?.() ?? Infinity;
}
