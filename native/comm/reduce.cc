#include "comm/reduce.h"

#include <algorithm>
#include <cstring>

#include "cpu/bf16.h"

namespace scmoe::comm {

namespace {

constexpr size_t kBlock = 2048;  // float32 accumulators of one pass: 8 KiB, in the first-level cache

float widen(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

void load(const float* source, float* block, size_t n) { std::memcpy(block, source, n * 4); }
void load(const uint16_t* source, float* block, size_t n) { fromBf16(source, block, n); }
void store(const float* block, float* target, size_t n) { std::memcpy(target, block, n * 4); }
void store(const float* block, uint16_t* target, size_t n) { toBf16(block, target, n); }

void addInto(float* sum, const float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) sum[i] += x[i];
}
void addInto(float* sum, const uint16_t* x, size_t n) {
  for (size_t i = 0; i < n; ++i) sum[i] += widen(x[i]);
}

float larger(float a, float b) { return a > b || a != a ? a : b; }
void maxInto(float* most, const float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) most[i] = larger(most[i], x[i]);
}
void maxInto(float* most, const uint16_t* x, size_t n) {
  for (size_t i = 0; i < n; ++i) most[i] = larger(most[i], widen(x[i]));
}

template <typename Element>
void reduceFloats(Reduction reduction, const std::vector<const void*>& sources, Element* target, size_t elements) {
  float block[kBlock];
  const float scale = 1.0f / static_cast<float>(sources.size());
  for (size_t begin = 0; begin < elements; begin += kBlock) {
    const size_t n = std::min(kBlock, elements - begin);
    load(static_cast<const Element*>(sources[0]) + begin, block, n);
    for (size_t r = 1; r < sources.size(); ++r) {
      const Element* x = static_cast<const Element*>(sources[r]) + begin;
      if (reduction == Reduction::kMax)
        maxInto(block, x, n);
      else
        addInto(block, x, n);
    }
    if (reduction == Reduction::kMean)
      for (size_t i = 0; i < n; ++i) block[i] *= scale;
    store(block, target + begin, n);
  }
}

void reduceInts(Reduction reduction, const std::vector<const void*>& sources, int32_t* target, size_t elements) {
  for (size_t i = 0; i < elements; ++i) {
    int32_t result = static_cast<const int32_t*>(sources[0])[i];
    for (size_t r = 1; r < sources.size(); ++r) {
      const int32_t x = static_cast<const int32_t*>(sources[r])[i];
      // Through unsigned: an overflow of int32 is undefined in C++.
      result = reduction == Reduction::kMax
                   ? std::max(result, x)
                   : static_cast<int32_t>(static_cast<uint32_t>(result) + static_cast<uint32_t>(x));
    }
    target[i] = result;
  }
}

}  // namespace

void reduce(DType dtype, Reduction reduction, const std::vector<const void*>& sources, void* target, size_t elements) {
  switch (dtype) {
    case DType::kFloat32: return reduceFloats(reduction, sources, static_cast<float*>(target), elements);
    case DType::kBf16: return reduceFloats(reduction, sources, static_cast<uint16_t*>(target), elements);
    case DType::kInt32: return reduceInts(reduction, sources, static_cast<int32_t*>(target), elements);
  }
}

void toBf16(const float* source, uint16_t* target, size_t elements) {
  for (size_t i = 0; i < elements; ++i) target[i] = scmoe::toBf16(source[i]);
}

void fromBf16(const uint16_t* source, float* target, size_t elements) {
  for (size_t i = 0; i < elements; ++i) target[i] = widen(source[i]);
}

}  // namespace scmoe::comm
