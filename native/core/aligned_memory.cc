#include "core/aligned_memory.h"

#include <cstdlib>
#include <string>

#include "core/error.h"
#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace scmoe {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}  // namespace

void* alignedAllocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  // What is too large to be rounded up wraps around and would be found small.
  const size_t size = (bytes + alignment - 1) / alignment * alignment;
  void* pointer = size < bytes ? nullptr : std::aligned_alloc(alignment, size ? size : alignment);
  if (!pointer) throw Error("out of memory: could not allocate " + std::to_string(bytes) + " bytes");
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(pointer, size, MADV_HUGEPAGE);  // a hint: a kernel without huge pages ignores it
#endif
  return pointer;
}

void alignedFree(void* pointer) { std::free(pointer); }

void discardPages([[maybe_unused]] void* pointer, [[maybe_unused]] size_t bytes) {
#if defined(__linux__)
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const uintptr_t begin = (address + page - 1) / page * page, end = (address + bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // where it fails they stay
#endif
}

}  // namespace scmoe
