#include "core/arena.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/aligned_memory.h"
#include "core/error.h"

namespace scmoe {

namespace {
constexpr size_t kAlignment = 64;
constexpr size_t kSmallestBlock = size_t{1} << 18;

size_t roundedUp(size_t bytes) { return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment); }
}  // namespace

Arena& Arena::ofThread() {
  thread_local Arena arena;
  return arena;
}

Arena::~Arena() { release(); }

void* Arena::take(size_t bytes) {
  const size_t size = roundedUp(bytes);
  while (top_.block < blocks_.size() && blocks_[top_.block].bytes - top_.used < size) top_ = {top_.block + 1, 0};
  if (top_.block == blocks_.size()) {
    const size_t blockBytes = std::max({size, wanted_, total_, kSmallestBlock});
    blocks_.reserve(blocks_.size() + 1);
    blocks_.push_back({static_cast<char*>(alignedAllocate(blockBytes)), blockBytes});
    total_ += blockBytes;
  }
  char* const result = blocks_[top_.block].memory + top_.used;
  top_.used += size;
  return result;
}

/// No scope is open. Several blocks become one at the next call, so that one is all there is in the long run.
void Arena::settle() {
  if (blocks_.size() > 1) wanted_ = std::min(total_, kKeepBytes);
  if (blocks_.size() > 1 || total_ > kKeepBytes) release();
}

void Arena::release() {
  for (const Block& block : blocks_) alignedFree(block.memory);
  blocks_.clear();
  top_ = {};
  total_ = 0;
}

void* Arena::Scope::takeBytes(int64_t count, size_t size) {
  if (&arena_ != &Arena::ofThread() || arena_.depth_ != depth_)
    throw Error("temporary memory: expected the innermost scope of this thread, got another one");
  constexpr auto kMost = static_cast<size_t>(std::numeric_limits<int64_t>::max());
  if (count < 0 || static_cast<size_t>(count) > kMost / size)
    throw Error("out of memory: could not allocate " + std::to_string(count) + " times " + std::to_string(size) +
                " bytes");
  return arena_.take(static_cast<size_t>(count) * size);
}

}  // namespace scmoe
