#include "core/aligned_memory.h"

#include <cstdint>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "test/check.h"

using namespace scmoe;

namespace {
bool isAligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 64 == 0; }
}  // namespace

TEST(memory_is_aligned_and_writable_at_every_size) {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{4097}, size_t{3} << 20}) {
    void* memory = alignedAllocate(bytes);
    CHECK(memory != nullptr && isAligned(memory));
    std::memset(memory, 0xff, bytes);
    alignedFree(memory);
  }
}

TEST(memory_whose_pages_were_given_back_can_be_written_again_and_what_lies_beside_them_stays) {
  const size_t bytes = (size_t{4} << 20) + 100;
  auto* memory = static_cast<unsigned char*>(alignedAllocate(bytes));
  std::memset(memory, 0x5a, bytes);
  discardPages(memory + 1, bytes - 2);
  CHECK(memory[0] == 0x5a && memory[bytes - 1] == 0x5a);
  discardPages(memory, 3);
  std::memset(memory, 0xff, bytes);
  CHECK(memory[bytes / 2] == 0xff);
  alignedFree(memory);
}

TEST(too_much_memory_is_an_error_that_names_the_size) {
  const size_t bytes = std::numeric_limits<size_t>::max() / 4;
  try {
    alignedAllocate(bytes);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find(std::to_string(bytes)) != std::string::npos);
    return;
  }
  CHECK(false);
}
