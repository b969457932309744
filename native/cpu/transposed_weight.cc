#include "cpu/transposed_weight.h"

#include <algorithm>
#include <cstring>

#include "core/arena.h"
#include "core/parallel.h"
#include "cpu/bf16.h"
#include "cpu/gemm.h"
#include "cpu/gemm_depths.h"
#include "cpu/ordered_product.h"
#include "cpu/small_product.h"
#include "cpu/transposed_rows.h"
#include "cpu/transposed_words.h"
#include "cpu/weight_panels.h"

namespace scmoe {

namespace {

/// Depths [begin, begin + size) of some columns of the weight.
struct Piece {
  int64_t begin, size, first, last;
};

/// A piece of the weight in order, (size, last - first), rows `stride` apart: kLanes columns, or those that are left,
/// at a time.
template <typename Words>
void orderPiece(int64_t dIn, const typename Words::Element* weight, const Piece& piece, float* ordered,
                int64_t stride) {
  for (int64_t column = piece.first; column < piece.last; column += kLanes) {
    float* const to = ordered + column - piece.first;
    const Panel<Words> panel(weight + piece.begin, dIn, column, piece.last);
    const int64_t columns = std::min<int64_t>(kLanes, piece.last - column);
    int64_t p = 0;
    const auto step = [&](int64_t at) {
      Vec words[kLanes];
      panel.load(at, words);
      panel.askForNext(at);
      transposeVectors(words);
      float* row = to + at * stride;
#pragma GCC unroll 16
      for (int q = 0; q < kLanes; ++q) {
        store(row, Words::template numbers<0>(words[q]));
        row += stride;
        if constexpr (Words::kPerWord == 2) {
          store(row, Words::template numbers<1>(words[q]));
          row += stride;
        }
      }
    };
    if (constexpr int64_t kStep = Panel<Words>::kStep; columns == kLanes && piece.size >= kStep) {
      // The steps at both ends overlap those between, which cross no cache line.
      if ((p = panel.head(0)) > 0) step(0);
      for (; p + kStep <= piece.size; p += kStep) step(p);
      if (p < piece.size) step(piece.size - kStep);
      p = piece.size;
    }
    for (; p < piece.size; ++p) {
      const Vec numbers = panel.numbers(p);
      for (int64_t j = 0; j < columns; ++j) to[p * stride + j] = numbers[j];
    }
  }
}

void orderPiece(WeightFormat format, int64_t dIn, const void* weight, const Piece& piece, float* to, int64_t stride) {
  if (format == WeightFormat::kBf16)
    return orderPiece<Bf16Words>(dIn, static_cast<const uint16_t*>(weight), piece, to, stride);
  orderPiece<FloatWords>(dIn, static_cast<const float*>(weight), piece, to, stride);
}

/// to (dIn, last - first) with rows `stride` apart: some columns of the weight in order.
void orderColumns(WeightFormat format, int64_t dIn, const void* weight, int64_t first, int64_t last, float* to,
                  int64_t stride) {
  orderPiece(format, dIn, weight, {0, dIn, first, last}, to, stride);
}

uint16_t upperHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

/// As blockedGemm(): sixteen columns after the others are put in the order in which tiles read them.
void turnedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format, const void* weight,
                   float* y) {
  const auto order = [&](int64_t column, int64_t columns, int64_t begin, int64_t depth, float* to) {
    if (format == WeightFormat::kFloat32)
      return orderTransposed(depth, columns, static_cast<const float*>(weight) + column * dIn + begin, dIn, to);
    orderPiece(format, dIn, weight, {begin, depth, column, column + columns}, to, kOrderedColumns);
  };
  const int64_t size = format == WeightFormat::kBf16 ? sizeof(uint16_t) : sizeof(float);
  orderedProduct(rows, x, {dIn, dOut, weight, dIn * size, kOrderedColumns, order}, y);
}

/// to (dIn, padded): rows of x as columns, zeros beside them.
void packRows(int64_t rows, int64_t dIn, const float* x, int64_t padded, float* to) {
  parallelFor((dIn + kLanes - 1) / kLanes, grainFor(padded * kLanes * 8), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin * kLanes; p < std::min(end * kLanes, dIn); p += kLanes)
      for (int64_t row = 0; row < padded; row += kLanes) {
        if (p + kLanes <= dIn && row + kLanes <= rows) {
          transposeSquare(x + row * dIn + p, dIn, to + p * padded + row, padded);
          continue;
        }
        for (int64_t q = p; q < std::min<int64_t>(p + kLanes, dIn); ++q)
          for (int64_t i = row; i < row + kLanes; ++i) to[q * padded + i] = i < rows ? x[i * dIn + q] : 0.0f;
      }
  });
}

/// The same where float32 products are a library's: the matrix is the left operand, as it lies, and the rows of x the
/// right one, so that it is read once, one row after the other, while it is multiplied.
void leftProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format, const void* weight,
                 float* y) {
  constexpr int64_t kBlock = 8 * tileRows(kTileVectors);
  const int64_t padded = (rows + kLanes - 1) / kLanes * kLanes;
  Arena::Scope scope;
  auto* const right = scope.take<float>(dIn * padded);
  packRows(rows, dIn, x, padded, right);
  parallelFor((dOut + kBlock - 1) / kBlock, 1, [&](int64_t firstBlock, int64_t lastBlock) {
    Arena::Scope own;
    auto* const product = own.take<float>(kBlock * padded);
    float* const widened = format == WeightFormat::kBf16 ? own.take<float>(kBlock * kDepth) : nullptr;
    for (int64_t first = firstBlock * kBlock; first < std::min(lastBlock * kBlock, dOut); first += kBlock) {
      const int64_t count = std::min(kBlock, dOut - first);
      forDepths(dIn, [&](int64_t begin, int64_t size) {
        RowByRow left = {widened, size};
        if (widened) {
          for (int64_t j = 0; j < count; ++j) {
            const uint16_t* const from = static_cast<const uint16_t*>(weight) + (first + j) * dIn + begin;
            for (int64_t p = 0; p < size; ++p) widened[j * size + p] = fromBf16(from[p]);
          }
        } else {
          left = {static_cast<const float*>(weight) + first * dIn + begin, dIn};
        }
        const float* const columns = right + begin * padded;
        if (begin == 0)
          smallProduct<Onto::kNothing>(count, padded / kLanes, size, left, columns, padded, product, padded);
        else
          smallProduct<Onto::kSum>(count, padded / kLanes, size, left, columns, padded, product, padded);
      });
      for (int64_t row = 0; row < rows; row += kLanes)
        for (int64_t j = 0; j < count; j += kLanes) {
          float* const to = y + row * dOut + first + j;
          const float* const from = product + j * padded + row;
          if (row + kLanes <= rows && j + kLanes <= count) {
            transposeSquare(from, padded, to, dOut);
            continue;
          }
          for (int64_t i = 0; i < std::min<int64_t>(kLanes, rows - row); ++i)
            for (int64_t q = 0; q < std::min<int64_t>(kLanes, count - j); ++q) to[i * dOut + q] = from[q * padded + i];
        }
    }
  });
}

void bf16Product(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format, const void* weight,
                 float* y) {
  Arena::Scope scope;
  auto* const x16 = scope.take<uint16_t>(rows * dIn);
  convertToBf16(x, rows, dIn, dIn, x16);
  const auto* weight16 = static_cast<const uint16_t*>(weight);
  if (format == WeightFormat::kFloat32) {
    auto* const rounded = scope.take<uint16_t>(dOut * dIn);
    convertToBf16(static_cast<const float*>(weight), dOut, dIn, dIn, rounded);
    weight16 = rounded;
  }
  gemmBf16(false, true, rows, dOut, dIn, x16, dIn, weight16, dIn, 0.0f, y, dOut);
}

}  // namespace

void transposedProduct(int64_t rows, int64_t dIn, int64_t dOut, const float* x, WeightFormat format, const void* weight,
                       bool float32, float* y) {
  if (rows <= kFewTransposed || dIn == 0) return multiplyTransposedRows(rows, dIn, dOut, x, format, weight, y);
  if (!float32 && precision() == Precision::kBf16) return bf16Product(rows, dIn, dOut, x, format, weight, y);
  if (usesBlockedGemm()) return turnedProduct(rows, dIn, dOut, x, format, weight, y);
  leftProduct(rows, dIn, dOut, x, format, weight, y);
}

void expandTransposed(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, float* to) {
  constexpr int64_t kColumns = 2 * kLanes;
  const int64_t pieces = (dOut + kColumns - 1) / kColumns;
  parallelFor(count * pieces, grainFor(kColumns * dIn * 4), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t matrix = index / pieces, first = index % pieces * kColumns;
      orderColumns(weight.format, dIn, weight.transposed[matrix], first, std::min(first + kColumns, dOut),
                   to + matrix * dIn * dOut + first, dOut);
    }
  });
}

void putInPanels(int64_t count, int64_t dIn, int64_t dOut, const StoredWeight& weight, void* to) {
  const int64_t panels = panelsOf(dOut);
  parallelFor(count * panels, grainFor(kPanelColumns * dIn * 4), [&](int64_t begin, int64_t end) {
    Arena::Scope scope;
    const bool isBf16 = weight.format == WeightFormat::kBf16;
    float* const widened = isBf16 ? scope.take<float>(dIn * kPanelColumns) : nullptr;
    for (int64_t index = begin; index < end; ++index) {
      const int64_t matrix = index / panels, first = index % panels * kPanelColumns;
      const int64_t columns = std::min(kPanelColumns, dOut - first), place = (matrix * dOut + first) * dIn;
      float* const own = isBf16 ? widened : static_cast<float*>(to) + place;
      orderColumns(weight.format, dIn, weight.transposed[matrix], first, first + columns, own, columns);
      // Not rounded: the instruction for that makes 0 of the smallest ones.
      for (int64_t i = 0; isBf16 && i < dIn * columns; ++i) static_cast<uint16_t*>(to)[place + i] = upperHalf(own[i]);
    }
  });
}

}  // namespace scmoe
