#pragma once
#include "core/parallel.h"

namespace scmoe::testing {

/// Restores the number of threads however the test ends.
struct WithThreads {
  explicit WithThreads(int count) : before(threads()) { setThreads(count); }
  ~WithThreads() { setThreads(before); }
  const int before;
};

}  // namespace scmoe::testing
