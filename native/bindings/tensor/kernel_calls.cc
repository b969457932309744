#include "core/kernel_calls.h"

#include "bindings/tensor/linked_calls.h"
#include "core/parallel.h"

/// For the addon of TensorFlow, whose compiled steps call kernels of this one.
extern "C" __attribute__((visibility("default"))) const scmoe::KernelCalls* scmoe_kernel_calls() {
  using namespace scmoe;
  static const KernelCalls kernels{KernelCalls::kVersion, joinTeam, LinkedCalls::run};
  return &kernels;
}
