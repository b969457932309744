#pragma once
#include <memory>
#include <vector>

#include "bindings/capture.h"

namespace scmoe {

/// Calls that were captured on some arrays, for whoever makes them on others: on any thread, several at once. They are
/// known in the whole process by a key, and stay: a key stands for one kernel with its attributes and shapes.
class LinkedCalls {
 public:
  /// Does nothing where the key has calls already. @throws Error where a call can't be made without JavaScript, or
  /// works on another array
  static void add(int64_t key, std::vector<std::unique_ptr<CapturedCall>> calls,
                  std::vector<ArrayPlaces::Range> arrays);

  /// @param arrays where those of `add` are now, in their order @param bytes how long each is there
  /// @throws Error where there are no such calls or too few bytes, and whatever a call throws
  static void run(int64_t key, void* const* arrays, const size_t* bytes, size_t count);

 private:
  std::vector<std::unique_ptr<CapturedCall>> calls_;
  std::vector<ArrayPlaces::Range> arrays_;
};

}  // namespace scmoe
