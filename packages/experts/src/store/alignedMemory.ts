/** Bytes of a page of WebAssembly's memory. */
const pageBytes = 65_536;

/** What there is of WebAssembly here: no type of Node's own has it. */
interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}
type MemoryConstructor = new (options: { initial: number; maximum: number; shared: true }) => SharedMemory;

/**
 * Shared memory that begins at a page of the system, as direct reads need it and vector instructions like it. A
 * SharedArrayBuffer begins anywhere; the memory of WebAssembly, which no module needs to use, is mapped.
 */
export function alignedMemory(bytes: number): SharedArrayBuffer {
  const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: MemoryConstructor } }).WebAssembly;
  const pages = Math.ceil(bytes / pageBytes);
  return new Memory({ initial: pages, maximum: pages, shared: true }).buffer;
}
