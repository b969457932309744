#pragma once
#include "cpu/grouped_ffn.h"

namespace scmoe {

/// The kernels of experts as another addon calls them: those of one process are one set, with one team of threads.
struct ExpertKernels {
  /// Another number, another struct: addons of two releases do not call each other.
  static constexpr int32_t kVersion = 2;
  static constexpr const char* kSymbol = "scmoe_expert_kernels";

  int32_t version;
  /// Before the others, on a thread that is not ours.
  void (*joinTeam)();
  decltype(&scmoe::groupedFfnForward) ffnForward;
  decltype(&scmoe::groupedFfnBackward) ffnBackward;
  decltype(&scmoe::groupedSwigluForward) swigluForward;
  decltype(&scmoe::groupedSwigluBackward) swigluBackward;
};

/// What `kSymbol` names.
using GetExpertKernels = const ExpertKernels*();

}  // namespace scmoe
