#include "cpu/stored_weight.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/stored_rows.h"
#include "cpu/transposed_weight.h"
#include "cpu/weight_panels.h"

namespace scmoe {

namespace {

/// Some rows of a panel that share their scales: numbers in order, rows `stride` apart, those of the panel, and where
/// the scales begin.
struct PanelRows {
  int64_t rows, columns, ordered, stored, scales;
};

/// Calls body(PanelRows) for every block of scales of every panel of every matrix.
template <typename Body>
void forPanelRows(int64_t count, int64_t dIn, int64_t dOut, const Body& body) {
  const int64_t blocks = scaleBlocks(dIn);
  parallelFor(count * blocks, grainFor(kScaleRows * dOut * 5), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t matrix = index / blocks, block = index % blocks, row = block * kScaleRows;
      forPanels(dOut, [&](int64_t column, int64_t columns) {
        body(PanelRows{std::min(kScaleRows, dIn - row), columns, (matrix * dIn + row) * dOut + column,
                       matrix * dIn * dOut + column * dIn + row * columns,
                       matrix * blocks * dOut + column * blocks + block * columns});
      });
    }
  });
}

bool storeInt8(int64_t count, int64_t dIn, int64_t dOut, const float* from, int8_t* values, float* scales) {
  std::atomic<bool> isFinite{true};
  forPanelRows(count, dIn, dOut, [&](const PanelRows& at) {
    float* const own = scales + at.scales;
    std::fill(own, own + at.columns, 0.0f);
    bool finite = true;
    for (int64_t row = 0; row < at.rows; ++row)
      for (int64_t j = 0; j < at.columns; ++j) {
        const float magnitude = std::fabs(from[at.ordered + row * dOut + j]);
        finite &= magnitude <= 3.4028235e38f;
        own[j] = std::max(own[j], magnitude);
      }
    if (!finite) {
      isFinite = false;
      return;
    }
    for (int64_t j = 0; j < at.columns; ++j) own[j] /= 127.0f;
    for (int64_t row = 0; row < at.rows; ++row)
      for (int64_t j = 0; j < at.columns; ++j) {
        // The scale of numbers near the smallest ones may be rounded up to more than they are, or down to 0.
        const float steps = own[j] == 0 ? 0.0f : std::nearbyintf(from[at.ordered + row * dOut + j] / own[j]);
        values[at.stored + row * at.columns + j] = static_cast<int8_t>(std::clamp(steps, -127.0f, 127.0f));
      }
  });
  return isFinite;
}

/// As gemmFloat32(), where its products are our own: with their bits.
void expandedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, float* y) {
  Arena::Scope scope;
  auto* const expanded = scope.take<float>(dIn * dOut);
  expandWeight(1, dIn, dOut, weight, expanded);
  gemmFloat32(false, false, rows, dOut, dIn, 1.0f, x, dIn, expanded, dOut, 0.0f, y, dOut);
}

}  // namespace

StoredWeight StoredWeight::matrix(int64_t index, int64_t dIn, int64_t dOut) const {
  if (transposed) return {format, nullptr, nullptr, transposed + index};
  const int64_t offset = index * dIn * dOut;
  if (format == WeightFormat::kFloat32) return {format, static_cast<const float*>(values) + offset, nullptr};
  if (format == WeightFormat::kBf16) return {format, static_cast<const uint16_t*>(values) + offset, nullptr};
  return {format, static_cast<const int8_t*>(values) + offset, scales + index * scaleBlocks(dIn) * dOut};
}

bool storeWeight(int64_t count, int64_t dIn, int64_t dOut, const float* from, WeightFormat format, void* values,
                 float* scales) {
  if (format == WeightFormat::kInt8) return storeInt8(count, dIn, dOut, from, static_cast<int8_t*>(values), scales);
  forPanelRows(count, dIn, dOut, [&](const PanelRows& at) {
    for (int64_t row = 0; row < at.rows; ++row)
      for (int64_t j = 0; j < at.columns; ++j) {
        const float number = from[at.ordered + row * dOut + j];
        const int64_t place = at.stored + row * at.columns + j;
        if (format == WeightFormat::kBf16)
          static_cast<uint16_t*>(values)[place] = toBf16(number);
        else
          static_cast<float*>(values)[place] = number;
      }
  });
  return true;
}

void expandWeight(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, float* to) {
  if (weight.transposed) return expandTransposed(count, dIn, dOut, weight, to);
  forPanelRows(count, dIn, dOut, [&](const PanelRows& at) {
    for (int64_t row = 0; row < at.rows; ++row) {
      float* const own = to + at.ordered + row * dOut;
      const int64_t place = at.stored + row * at.columns;
      if (weight.format == WeightFormat::kFloat32) {
        std::memcpy(own, static_cast<const float*>(weight.values) + place, at.columns * sizeof(float));
      } else if (weight.format == WeightFormat::kBf16) {
        const auto* const values = static_cast<const uint16_t*>(weight.values) + place;
        for (int64_t j = 0; j < at.columns; ++j) own[j] = fromBf16(values[j]);
      } else {
        const auto* const values = static_cast<const int8_t*>(weight.values) + place;
        const float* const scales = weight.scales + at.scales;
        for (int64_t j = 0; j < at.columns; ++j) own[j] = static_cast<float>(values[j]) * scales[j];
      }
    }
  });
}

void storedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, const StoredWeight& weight, bool float32,
                   float* y) {
  if (rows == 0 || dOut == 0) return;
  if (weight.transposed) return transposedProduct(rows, dIn, dOut, x, weight.format, *weight.transposed, float32, y);
  if (hasStoredRows(rows, dIn, dOut)) return multiplyStoredRows(rows, dIn, dOut, x, weight, y);
  if (!float32 && precision() == Precision::kBf16 && hasStoredPairs(dIn, dOut, weight))
    return multiplyStoredPairs(rows, dIn, dOut, x, weight, y);
  if (hasStoredPanels(dIn, dOut)) return multiplyStoredPanels(rows, dIn, dOut, x, weight, y);
  expandedProduct(rows, dIn, dOut, x, weight, y);
}

}  // namespace scmoe
