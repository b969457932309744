#pragma once
#include <string>

#include "tensorflow/xla_ffi.h"

namespace scmoe::tensorflow {

/// Lets compiled programs on the CPU call the kernels that the addon of @scmoe/tensor has linked, as scmoe_kernel with
/// the attribute `key`: on its arguments, then its results. Once a process: later calls do nothing.
///
/// @param ffi XLA's table, nullptr where the library has none @param library the file of that addon
/// @throws Error in a sentence where that can't be
void registerKernelCalls(const xla::Api* ffi, const std::string& library);

/// What such a call refused since this was asked last, empty where none did. Its results are NaN then. XLA is not told:
/// TensorFlow frees the variables of a program that fails twice.
std::string takeKernelProblem();

}  // namespace scmoe::tensorflow
