#include "cpu/expert_kernels.h"

#include "core/parallel.h"

/// For the addon of TensorFlow, whose compiled steps call these kernels.
extern "C" __attribute__((visibility("default"))) const scmoe::ExpertKernels* scmoe_expert_kernels() {
  using namespace scmoe;
  static const ExpertKernels kernels{ExpertKernels::kVersion, joinTeam,
                                     groupedFfnForward,       groupedFfnBackward,
                                     groupedSwigluForward,    groupedSwigluBackward};
  return &kernels;
}
