/** An operation and what it is given. */
export const operationCall = {
  operation: 'text',
  /** Attributes, each as one byte and the name of that many, four bytes (little-endian) and a serialized AttrValue of that many. */
  attributes: 'uint8[numAttributeBytes]',
  numAttributeBytes: 'size',
  inputs: 'int32[numInputs]',
  numInputs: 'size',
  /** How many inputs make each argument: -1 for one tensor, 0 and more for a list. */
  groups: 'int32[numGroups]',
  numGroups: 'size',
} as const;

/** Where tensors are described: id, DataType, rank and sizes of one after another. Unknown sizes and ranks are -1. */
export const description = { results: 'out int32[capacity]', capacity: 'size' } as const;

/** TensorFlow's eager operations; a tensor is known by its id. */
export const session = {
  /** Opens the libraries, once a process; gives the version. `tf32`: whether products of float32 may round on GPUs. */
  tfOpen: { framework: 'text', library: 'text', tf32: 'boolean', '=>': 'text' },
  /** Makes the context of this thread with a serialized ConfigProto; gives a line for each device: name, type, bytes. */
  tfStart: { config: 'uint8[numConfigBytes]', numConfigBytes: 'size', '=>': 'text' },
  /** The device on which operations run from now on, by its name. */
  tfSetDevice: { name: 'text' },
  /** Lets compiled steps call the kernels of the addon of @scmoe/tensor, whose file this is; gives why not, or nothing. */
  tfKernelCalls: { library: 'text', '=>': 'text' },
  tfCreate: { dtype: 'size 1..127', dims: 'sizes[]', data: 'uint8[numBytes]', numBytes: 'size', '=>': 'number' },
  /** A tensor without a copy: the array is held until TensorFlow lets go of its memory, which begins at a multiple of 64. */
  tfCreateOver: { dtype: 'size 1..127', dims: 'sizes[]', data: 'uint8[numBytes]', numBytes: 'size', '=>': 'number' },
  /** Gives the number of outputs. */
  tfExecute: { ...operationCall, ...description, '=>': 'number' },
  tfDescribe: { id: 'size 1..1073741824', ...description },
  /** The elements, copied. */
  tfRead: { id: 'size 1..1073741824', '=>': 'buffer' },
  /** A tensor of the CPU's whose elements are not set yet: whoever makes it writes them through `tfView`. */
  tfAllocate: { dtype: 'size 1..127', dims: 'sizes[]', '=>': 'number' },
  /** A tensor of its own with elements of another, on the CPU: as many as `dims` say, from element `first` on. */
  tfPart: { id: 'size 1..1073741824', first: 'size', dims: 'sizes[]', '=>': 'number' },
  /** The elements in the CPU's memory, not copied; the memory is held until the buffer is collected. */
  tfView: { id: 'size 1..1073741824', '=>': 'buffer' },
  tfDelete: { id: 'size 1..1073741824' },
  tfLive: { '=>': 'number' },
  /** The address of the elements on their device. */
  tfPointer: { id: 'size 1..1073741824', '=>': 'number' },
} as const;
