#pragma once
#include <cstdint>

namespace scmoe {

/// Copies memory that won't be read again soon, with all threads: what is written goes past the caches where the CPU
/// can do that, so that the target need not be read first and the caches keep what the next kernel wants. No overlap.
void copyPastCaches(const void* source, void* target, int64_t bytes);

}  // namespace scmoe
