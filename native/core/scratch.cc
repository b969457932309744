#include "core/scratch.h"

#include <cstdlib>
#include <string>

#include "core/error.h"
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace scmoe {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;

struct Block {
  void* pointer = nullptr;
  size_t bytes = 0;
  ~Block() {
    if (pointer) alignedFree(pointer, bytes);
  }
};
thread_local Block blocks[kScratchSlots];
}  // namespace

void* alignedAllocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const size_t size = (bytes + alignment - 1) / alignment * alignment;
  void* pointer = size ? std::aligned_alloc(alignment, size) : std::aligned_alloc(64, 64);
  if (!pointer) throw Error("out of memory: could not allocate " + std::to_string(bytes) + " bytes");
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(pointer, size, MADV_HUGEPAGE);  // a hint: a kernel without huge pages ignores it
#endif
  return pointer;
}

void alignedFree(void* pointer, size_t) { std::free(pointer); }

void* scratchBytes(int slot, size_t bytes) {
  Block& block = blocks[slot];
  if (block.bytes < bytes) {
    if (block.pointer) alignedFree(block.pointer, block.bytes);
    block.pointer = nullptr;
    block.bytes = 0;
    const size_t size = bytes + bytes / 4;
    block.pointer = alignedAllocate(size);
    block.bytes = size;
  }
  return block.pointer;
}

}  // namespace scmoe
