// Imported before a program: where that opens the tensor addon, it gets the one of native/scripts/sanitized.mjs.
const open = process.dlopen;
process.dlopen = (module, file, ...rest) =>
  open.call(process, module, file.endsWith('scmoe_tensor.node') ? process.env.SCMOE_SANITIZED_ADDON : file, ...rest);
