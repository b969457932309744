#pragma once
#include <cstddef>

namespace scmoe {

/// 64-byte aligned memory, huge pages where it pays. Throws Error with the size when there is none.
void* alignedAllocate(size_t bytes);
void alignedFree(void* pointer);

/// Gives the pages that lie wholly in this memory back to the system, where that can be: what is in them is undefined
/// then, and who touches them gets others.
void discardPages(void* pointer, size_t bytes);

}  // namespace scmoe
