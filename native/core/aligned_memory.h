#pragma once
#include <cstddef>

namespace scmoe {

/// 64-byte aligned memory, huge pages where it pays. Throws Error with the size when there is none.
void* alignedAllocate(size_t bytes);
void alignedFree(void* pointer);

}  // namespace scmoe
