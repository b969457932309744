#pragma once
#include <cstddef>

namespace scmoe {

/// 64-byte aligned memory, huge pages where it pays. Throws Error with the size when there is none.
void* alignedAllocate(size_t bytes);
void alignedFree(void* pointer, size_t bytes);

/// A kernel's temporary memory, owned by the calling thread and kept for the next call. One live Scratch per `slot`
/// and thread: nested kernels take different slots.
void* scratchBytes(int slot, size_t bytes);

template <typename T>
T* scratch(int slot, size_t count) {
  return static_cast<T*>(scratchBytes(slot, count * sizeof(T)));
}

/// Slots by owner, so that two kernels of one call chain never share one.
enum ScratchSlot { kScratchGemmA, kScratchGemmB, kScratchGemmC, kScratchKernelA, kScratchKernelB, kScratchKernelC, kScratchKernelD, kScratchKernelE, kScratchKernelF, kScratchSlots };

}  // namespace scmoe
