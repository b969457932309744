#pragma once
#include <string>

#include "tensorflow/xla_ffi.h"

namespace scmoe::tensorflow {

/// Lets compiled programs on the CPU call the kernels of experts that the addon of @scmoe/tensor has, by the names
/// scmoe_grouped_ffn, scmoe_grouped_ffn_backward, scmoe_grouped_swiglu and scmoe_grouped_swiglu_backward. Their
/// arguments and results are those of cpu/grouped_ffn.h, in that order without the sizes; without results for the
/// gradient nothing is kept. Once a process: later calls do nothing.
///
/// @param ffi XLA's table, nullptr where the library has none @param library the file of that addon
/// @throws Error in a sentence where that can't be
void registerExpertCalls(const xla::Api* ffi, const std::string& library);

/// What such a call refused since this was asked last, empty where none did. Its results are NaN then. XLA is not told:
/// TensorFlow frees the variables of a program that fails twice.
std::string takeExpertProblem();

}  // namespace scmoe::tensorflow
