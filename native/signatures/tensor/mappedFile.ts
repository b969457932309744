export const mappedFile = {
  /** Makes an open file memory that is read when it is asked for; what is written there, the file never has. @returns its number */
  mapFile: { descriptor: 'size ..2147483647', bytes: 'size 1..', '=>': 'number' },
  /** Bytes of such a file. They stay as long as the buffer, whatever becomes of the file and of its number. */
  mappedBytes: { map: 'size', begin: 'size', bytes: 'size 1..', '=>': 'buffer' },
  /** Forgets the number. */
  unmapFile: { map: 'size' },
} as const;
