/** No native library in a browser. */
export const NativeTokenizers = { open: () => 'this is a browser' };
