#include "core/arena.h"

#include <cstdint>
#include <cstring>
#include <thread>

#include "core/error.h"
#include "core/parallel.h"
#include "test/check.h"

using namespace scmoe;

namespace {
bool isAligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 64 == 0; }

/// A kernel that works in temporary memory and calls itself: whoever shares memory with another one finds it changed.
bool keepsItsOwn(int depth) {
  Arena::Scope scope;
  const int64_t count = 1000 * (depth + 1);
  auto* mine = scope.take<int32_t>(count);
  for (int64_t i = 0; i < count; ++i) mine[i] = depth;
  const bool below = depth == 0 || keepsItsOwn(depth - 1);
  for (int64_t i = 0; i < count; ++i)
    if (mine[i] != depth) return false;
  return below;
}

template <typename Call>
bool throws(const Call& call) {
  try {
    call();
  } catch (const Error&) {
    return true;
  }
  return false;
}
}  // namespace

TEST(pieces_are_aligned_and_apart) {
  Arena::Scope scope;
  auto* first = scope.take<float>(3);
  auto* none = scope.take<float>(0);
  auto* second = scope.take<char>(1);
  CHECK(isAligned(first) && isAligned(none) && isAligned(second));
  CHECK(static_cast<void*>(first) != none && static_cast<void*>(none) != second);
}

TEST(memory_is_kept_for_the_next_call) {
  float* first = nullptr;
  {
    Arena::Scope scope;
    first = scope.take<float>(1000);
  }
  Arena::Scope scope;
  CHECK(scope.take<float>(10) == first);
}

TEST(what_is_taken_stays_where_it_is_when_more_is_needed) {
  Arena::Scope scope;
  auto* small = scope.take<float>(100);
  small[99] = 7;
  auto* large = scope.take<float>(int64_t{1} << 20);
  large[(1 << 20) - 1] = 1;
  CHECK(small[99] == 7);
}

TEST(after_one_call_there_is_one_block_that_is_large_enough) {
  const auto call = [] {
    Arena::Scope scope;
    for (int i = 0; i < 6; ++i) scope.take<char>(int64_t{3} << (16 + i));
  };
  call();
  call();
  const size_t bytes = Arena::ofThread().bytes();
  call();
  CHECK(Arena::ofThread().bytes() == bytes);
}

TEST(nested_kernels_do_not_share) { CHECK(keepsItsOwn(20)); }

TEST(threads_do_not_share) {
  Arena::Scope scope;
  auto* mine = scope.take<float>(100);
  float* theirs = nullptr;
  std::thread([&] {
    Arena::Scope own;
    theirs = own.take<float>(100);
  }).join();
  CHECK(theirs != mine);
}

TEST(a_scope_serves_its_own_thread_and_only_while_it_is_the_innermost) {
  Arena::Scope outer;
  bool elsewhere = false;
  std::thread([&] { elsewhere = throws([&] { outer.take<float>(1); }); }).join();
  CHECK(elsewhere);
  {
    Arena::Scope inner;
    CHECK(throws([&] { outer.take<float>(1); }));
  }
  CHECK(outer.take<float>(1) != nullptr);
}

TEST(more_than_the_bound_is_not_kept) {
  {
    Arena::Scope scope;
    scope.take<char>(static_cast<int64_t>(Arena::kKeepBytes) + 1);
  }
  CHECK(Arena::ofThread().bytes() == 0);
}

TEST(impossible_sizes_are_errors) {
  Arena::Scope scope;
  CHECK(throws([&] { scope.take<double>(int64_t{1} << 61); }));
  CHECK(throws([&] { scope.take<float>(-1); }));
}
