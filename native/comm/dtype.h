#pragma once
#include <cstddef>
#include <cstdint>

namespace scmoe::comm {

/// Values are part of the header that ranks exchange, and of the binding.
enum class DType : uint8_t { kFloat32 = 0, kBf16 = 1, kInt32 = 2 };
enum class Reduction : uint8_t { kSum = 0, kMean = 1, kMax = 2 };

inline size_t sizeOf(DType dtype) { return dtype == DType::kBf16 ? 2 : 4; }

inline const char* nameOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "float32";
    case DType::kBf16: return "bf16";
    case DType::kInt32: return "int32";
  }
  return "unknown";
}

inline const char* nameOf(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum: return "sum";
    case Reduction::kMean: return "mean";
    case Reduction::kMax: return "max";
  }
  return "unknown";
}

}  // namespace scmoe::comm
