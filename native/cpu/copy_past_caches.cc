#include "cpu/copy_past_caches.h"

#include <algorithm>
#include <cstring>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "core/parallel.h"

namespace scmoe {

namespace {

constexpr int64_t kLine = 64;
/// Below this a thread more costs more than it saves.
constexpr int64_t kGrain = 256 << 10;

#if defined(__AVX__)
void copyRange(const char* source, char* target, int64_t bytes) {
  const int64_t offset = reinterpret_cast<intptr_t>(target) & (kLine - 1);
  const int64_t head = std::min(bytes, offset == 0 ? 0 : kLine - offset);
  std::memcpy(target, source, head);
  int64_t i = head;
  for (; i + kLine <= bytes; i += kLine) {
    const auto* from = reinterpret_cast<const __m256i*>(source + i);
    auto* to = reinterpret_cast<__m256i*>(target + i);
    const __m256i low = _mm256_loadu_si256(from), high = _mm256_loadu_si256(from + 1);
    _mm256_stream_si256(to, low);
    _mm256_stream_si256(to + 1, high);
  }
  std::memcpy(target + i, source + i, bytes - i);
  // Streamed stores are not ordered: another thread that is told of them has to find them.
  _mm_sfence();
}
#else
void copyRange(const char* source, char* target, int64_t bytes) { std::memcpy(target, source, bytes); }
#endif

}  // namespace

void copyPastCaches(const void* source, void* target, int64_t bytes) {
  parallelFor(bytes, kGrain, [&](int64_t begin, int64_t end) {
    copyRange(static_cast<const char*>(source) + begin, static_cast<char*>(target) + begin, end - begin);
  });
}

}  // namespace scmoe
