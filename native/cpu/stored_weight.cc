#include "cpu/stored_weight.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/stored_rows.h"
#include "cpu/transposed_weight.h"

namespace scmoe {

namespace {

/// The first row of a block of scales, and the row behind its last, for every block of every matrix.
template <typename Body>
void forScaleBlocks(int64_t count, int64_t dIn, int64_t dOut, const Body& body) {
  const int64_t blocks = scaleBlocks(dIn);
  parallelFor(count * blocks, grainFor(kScaleRows * dOut * 5), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t first = index / blocks * dIn + index % blocks * kScaleRows;
      const int64_t last = std::min(first + kScaleRows, (index / blocks + 1) * dIn);
      body(first, last, index * dOut);
    }
  });
}

bool storeInt8(int64_t count, int64_t dIn, int64_t dOut, const float* from, int8_t* values, float* scales) {
  std::atomic<bool> isFinite{true};
  forScaleBlocks(count, dIn, dOut, [&](int64_t first, int64_t last, int64_t scale) {
    float* const own = scales + scale;
    std::fill(own, own + dOut, 0.0f);
    bool finite = true;
    for (int64_t row = first; row < last; ++row)
      for (int64_t j = 0; j < dOut; ++j) {
        const float magnitude = std::fabs(from[row * dOut + j]);
        finite &= magnitude <= 3.4028235e38f;
        own[j] = std::max(own[j], magnitude);
      }
    if (!finite) {
      isFinite = false;
      return;
    }
    for (int64_t j = 0; j < dOut; ++j) own[j] /= 127.0f;
    for (int64_t row = first; row < last; ++row)
      for (int64_t j = 0; j < dOut; ++j) {
        // The scale of numbers near the smallest ones may be rounded up to more than they are, or down to 0.
        const float steps = own[j] == 0 ? 0.0f : std::nearbyintf(from[row * dOut + j] / own[j]);
        values[row * dOut + j] = static_cast<int8_t>(std::clamp(steps, -127.0f, 127.0f));
      }
  });
  return isFinite;
}

}  // namespace

StoredWeight StoredWeight::matrix(int64_t index, int64_t dIn, int64_t dOut) const {
  if (transposed) return {format, nullptr, nullptr, transposed + index};
  const int64_t offset = index * dIn * dOut;
  if (format == WeightFormat::kBf16) return {format, static_cast<const uint16_t*>(values) + offset, nullptr};
  return {format, static_cast<const int8_t*>(values) + offset, scales + index * scaleBlocks(dIn) * dOut};
}

bool storeWeight(int64_t count, int64_t dIn, int64_t dOut, const float* from, WeightFormat format, void* values,
                 float* scales) {
  if (format == WeightFormat::kInt8) return storeInt8(count, dIn, dOut, from, static_cast<int8_t*>(values), scales);
  convertToBf16(from, count * dIn, dOut, dOut, static_cast<uint16_t*>(values));
  return true;
}

void expandWeight(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, float* to) {
  if (weight.transposed) return expandTransposed(count, dIn, dOut, weight, to);
  forScaleBlocks(count, dIn, dOut, [&](int64_t first, int64_t last, int64_t scale) {
    const int64_t begin = first * dOut, end = last * dOut;
    if (weight.format == WeightFormat::kBf16) {
      const auto* const values = static_cast<const uint16_t*>(weight.values);
      for (int64_t i = begin; i < end; ++i) to[i] = fromBf16(values[i]);
      return;
    }
    const auto* const values = static_cast<const int8_t*>(weight.values);
    const float* const own = weight.scales + scale;
    for (int64_t i = begin; i < end; i += dOut)
      for (int64_t j = 0; j < dOut; ++j) to[i + j] = static_cast<float>(values[i + j]) * own[j];
  });
}

void storedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, bool float32,
                   float* y) {
  if (rows == 0 || dOut == 0) return;
  if (weight.transposed) return transposedProduct(rows, dIn, dOut, x, weight.format, *weight.transposed, float32, y);
  if (hasStoredRows(rows, dIn, dOut)) return multiplyStoredRows(rows, dIn, dOut, x, weight, y);
  Arena::Scope scope;
  auto* const expanded = scope.take<float>(dIn * dOut);
  expandWeight(1, dIn, dOut, weight, expanded);
  gemmFloat32(false, false, rows, dOut, dIn, 1.0f, x, dIn, expanded, dOut, 0.0f, y, dOut);
}

}  // namespace scmoe
