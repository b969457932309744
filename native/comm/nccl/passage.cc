#include "comm/nccl/passage.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "comm/reduce.h"

namespace scmoe::comm {

namespace {

constexpr size_t kBlock = 2048;  // float32 values between two steps: 8 KiB, in the first-level cache

/// Integers in the order of the floats. Its own inverse for all but NaN, whose sign is dropped: any NaN is on top.
int32_t keyOf(float value) {
  if (value != value) return 0x7fffffff;
  int32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits >= 0 ? bits : bits ^ 0x7fffffff;
}

float valueOf(int32_t key) {
  const int32_t bits = key >= 0 ? key : key ^ 0x7fffffff;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

}  // namespace

Passage passageOf(const Request& request, int size) {
  Passage passage;
  passage.host = request.dtype;
  passage.wire = request.wire;
  const bool reduces = request.operation == Operation::kAllReduce || request.operation == Operation::kReduceScatter;
  if (!reduces || request.dtype == DType::kInt32) return passage;
  passage.ordered = request.reduction == Reduction::kMax;
  passage.wire = passage.ordered ? DType::kInt32 : DType::kFloat32;
  if (request.reduction == Reduction::kMean) passage.scale = 1.0f / static_cast<float>(size);
  return passage;
}

void pack(const Passage& passage, const void* host, size_t begin, size_t count, void* wire) {
  const char* source = static_cast<const char*>(host) + begin * sizeOf(passage.host);
  if (passage.host == passage.wire) {
    std::memcpy(wire, source, count * sizeOf(passage.host));
  } else if (passage.wire == DType::kBf16) {
    toBf16(reinterpret_cast<const float*>(source), static_cast<uint16_t*>(wire), count);
  } else if (!passage.ordered) {
    fromBf16(reinterpret_cast<const uint16_t*>(source), static_cast<float*>(wire), count);
  } else {
    float block[kBlock];
    for (size_t at = 0; at < count; at += kBlock) {
      const size_t n = std::min(kBlock, count - at);
      if (passage.host == DType::kBf16)
        fromBf16(reinterpret_cast<const uint16_t*>(source) + at, block, n);
      else
        std::memcpy(block, source + at * 4, n * 4);
      int32_t* keys = static_cast<int32_t*>(wire) + at;
      for (size_t i = 0; i < n; ++i) keys[i] = keyOf(block[i]);
    }
  }
}

void unpack(const Passage& passage, const void* wire, void* host, size_t begin, size_t count) {
  char* target = static_cast<char*>(host) + begin * sizeOf(passage.host);
  if (isPlain(passage)) {
    std::memcpy(target, wire, count * sizeOf(passage.host));
  } else if (passage.wire == DType::kBf16) {
    fromBf16(static_cast<const uint16_t*>(wire), reinterpret_cast<float*>(target), count);
  } else {
    float block[kBlock];
    for (size_t at = 0; at < count; at += kBlock) {
      const size_t n = std::min(kBlock, count - at);
      const char* source = static_cast<const char*>(wire) + at * 4;
      if (passage.ordered)
        for (size_t i = 0; i < n; ++i) block[i] = valueOf(reinterpret_cast<const int32_t*>(source)[i]);
      else
        std::memcpy(block, source, n * 4);
      if (passage.scale != 1)
        for (size_t i = 0; i < n; ++i) block[i] *= passage.scale;
      if (passage.host == DType::kBf16)
        toBf16(block, reinterpret_cast<uint16_t*>(target) + at, n);
      else
        std::memcpy(target + at * 4, block, n * 4);
    }
  }
}

}  // namespace scmoe::comm
