#pragma once
#include <cstddef>
#include <cstdint>

namespace scmoe {

/// The kernels of @scmoe/tensor as another addon calls them: those of one process are one set, with one team of
/// threads.
struct KernelCalls {
  /// Another number, another struct: addons of two releases do not call each other.
  static constexpr int32_t kVersion = 2;
  static constexpr const char* kSymbol = "scmoe_kernel_calls";

  int32_t version;
  /// Before the other, on a thread that is not ours.
  void (*joinTeam)();
  /// Calls what `linkCapture` has linked under `key`, on arrays in that order of so many bytes. @throws std::exception
  void (*run)(int64_t key, void* const* arrays, const size_t* bytes, size_t count);
};

/// What `kSymbol` names.
using GetKernelCalls = const KernelCalls*();

}  // namespace scmoe
