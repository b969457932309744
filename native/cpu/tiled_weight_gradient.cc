#include "cpu/tiled_weight_gradient.h"

#include "core/error.h"
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS
#include <algorithm>

#include "core/parallel.h"
#include "cpu/bf16_vectors.h"
#include "cpu/paired_blocks.h"
#include "cpu/paired_rows.h"
#include "cpu/panel_product.h"

namespace scmoe {

using namespace panels;

namespace {

/// Columns of x that are multiplied together, as rows of x^T.
template <typename Kind>
constexpr int64_t kLeftColumns = Kind::kDepths == 2 ? kColumns : kTiledRows;

/// Words that are asked for while others are brought into order.
constexpr int64_t kAhead = 1024;

/// Words of columns side by side, depths `stride` words apart.
struct Words {
  const float* first;
  int64_t stride;
};

/// to: words of some columns in the order of tiles, which lie `stride` words apart.
void putInOrder(int64_t columns, int64_t depth, const Words& words, float* to, int64_t stride) {
  constexpr int64_t kMost = kTiledRows / kRows;
  const int64_t tiles = tilesOf(columns);
  int64_t first[kMost];
  __mmask8 ofTile[kMost];
  for (int64_t t = 0; t < tiles; ++t) {
    first[t] = firstRow(columns, t);
    ofTile[t] = static_cast<__mmask8>((1 << (firstRow(columns, t + 1) - first[t])) - 1);
  }
  const float* from = words.first;
  for (int64_t p = 0; p < depth; ++p, from += words.stride, to += kRows) {
    // What the hardware foresees comes at half the rate beside so many stores.
    for (int64_t j = 0; j < columns; j += kLanes) __builtin_prefetch(from + kAhead + j, 0, 2);
    // Eight words, of which the next depth takes back two.
    for (int64_t t = 0; t < tiles; ++t)
      _mm256_storeu_ps(to + t * stride, _mm256_maskz_loadu_ps(ofTile[t], from + first[t]));
  }
}

/// to: panels of Width columns, (depth, Width) each, of words [first, last) along the depth of x (rows, dIn).
template <int64_t Width>
void putWords(int64_t, int64_t dIn, const float* x, int64_t first, int64_t last, int64_t depth, float* to, Numbers) {
  for (int64_t i = first; i < last; ++i)
    for (int64_t j = 0; j < dIn; j += kLanes) {
      __builtin_prefetch(x + i * dIn + j + kAhead, 0, 2);
      store(to + (j / Width * depth + i) * Width + j % Width, load(x + i * dIn + j));
    }
}

template <int64_t Width>
void putWords(int64_t rows, int64_t dIn, const float* x, int64_t first, int64_t last, int64_t, float* to, Pairs) {
  pairPanels<Width>(rows, dIn, x, first, last, to);
}

template <int64_t Width>
void putWords(int64_t rows, int64_t dIn, const uint16_t* x, int64_t first, int64_t last, int64_t depth, float* to,
              Pairs) {
  const PairedRows paired;
  for (int64_t p = first; p < last; ++p)
    for (int64_t j = 0; j < dIn; j += 2 * kLanes) {
      const uint16_t* const row = x + 2 * p * dIn + j;
      paired.put(loadPairs(row), 2 * p + 1 < rows ? loadPairs(row + dIn) : Vec{},
                 to + (j / Width * depth + p) * Width + j % Width);
    }
}

}  // namespace

TiledWeightGradient::TiledWeightGradient(Arena::Scope& scope, bool bf16, int64_t rows, int64_t dIn, int64_t dOut)
    : bf16_(bf16),
      rows_(rows),
      dIn_(dIn),
      dOut_(dOut),
      depth_(depthOf(bf16, rows)),
      panels_(scope.take<float>(panelsOf(dOut) * kColumns * depth_)) {}

void TiledWeightGradient::take(int64_t first, int64_t rows, const float* dy) const {
  putWords<kColumns>(rows, dOut_, dy, 0, rows, depth_, panels_ + first * kColumns, Numbers());
}

void TiledWeightGradient::take(int64_t first, int64_t rows, const uint16_t* dy) const {
  putWords<kColumns>(rows, dOut_, dy, 0, (rows + 1) / 2, depth_, panels_ + first / 2 * kColumns, Pairs());
}

float* TiledWeightGradient::words(int64_t first, int64_t column) const {
  return panels_ + (column / kColumns * depth_ + first / 2) * kColumns + column % kColumns;
}

void TiledWeightGradient::multiply(const float* x, float* dWeight, double* squares) const {
  multiplyAll({{*this, dWeight, squares}}, x);
}

void TiledWeightGradient::multiply(const uint16_t* x, float* dWeight, double* squares) const {
  multiplyRows<Pairs>({{*this, dWeight, squares}}, x);
}

void TiledWeightGradient::multiplyAll(const std::vector<Product>& all, const float* x) {
  withKind(all.front().gradient.bf16_, [&](auto kind) { multiplyRows<decltype(kind)>(all, x); });
}

void TiledWeightGradient::multiply(const PairedPanels<const uint16_t>& x, float* dWeight, double* squares) const {
  const auto panel = [&](int64_t column) {
    return Words{reinterpret_cast<const float*>(x.pair(0, column)), x.width(column)};
  };
  if (!x.hasSingle()) return multiplyColumns<Pairs>({{*this, dWeight, squares}}, panel);
  // With the last row behind the pairs.
  Arena::Scope scope;
  auto* const words = scope.take<float>(dIn_ * depth_);
  parallelFor(panelsOf(dIn_), grainFor(kColumns * depth_), [&](int64_t first, int64_t last) {
    for (int64_t j = first * kColumns; j < std::min(last * kColumns, dIn_); j += kColumns) {
      const Words from = panel(j);
      float* const end = std::copy(from.first, from.first + x.pairs() * from.stride, words + j * depth_);
      std::copy(x.single(j), x.single(j) + from.stride, reinterpret_cast<uint32_t*>(end));
    }
  });
  multiplyColumns<Pairs>({{*this, dWeight, squares}}, [&](int64_t column) {
    return Words{words + column * depth_, x.width(column)};
  });
}

template <typename Kind, typename X>
void TiledWeightGradient::multiplyRows(const std::vector<Product>& all, const X* x) {
  constexpr int64_t kWidth = kLeftColumns<Kind>;
  const TiledWeightGradient& any = all.front().gradient;
  const int64_t rows = any.rows_, dIn = any.dIn_, depth = any.depth_;
  Arena::Scope scope;
  auto* const words = scope.take<float>((dIn + kWidth - 1) / kWidth * kWidth * depth);
  parallelFor(depth, grainFor(dIn * Kind::kDepths * 4),
              [&](int64_t first, int64_t last) { putWords<kWidth>(rows, dIn, x, first, last, depth, words, Kind()); });
  multiplyColumns<Kind>(all, [&](int64_t column) { return Words{words + column * depth, kWidth}; });
}

/// @param wordsOf words of kLeftColumns of x, or of what is left of them, from a column on
template <typename Kind, typename WordsOf>
void TiledWeightGradient::multiplyColumns(const std::vector<Product>& all, const WordsOf& wordsOf) {
  constexpr int64_t kWidth = kLeftColumns<Kind>;
  const TiledWeightGradient& any = all.front().gradient;
  const int64_t dIn = any.dIn_, depth = any.depth_, blocks = (dIn + kWidth - 1) / kWidth;
  Arena::Scope scope;
  // All panels of all layers, and the sums of each, those of a layer panel by panel.
  struct Panel {
    const Product* of;
    int64_t column;
    double* sums;
  };
  std::vector<Panel> panels;
  for (const Product& product : all)
    for (int64_t j = 0; j < product.gradient.dOut_; j += kColumns) {
      double* const sums = product.squares ? scope.take<double>(blocks) : nullptr;
      if (sums) std::fill(sums, sums + blocks, 0.0);
      panels.push_back({&product, j, sums});
    }
  const auto count = static_cast<int64_t>(panels.size()), stride = depth * kRows + kBeside;
  // For the same columns of x one after the other, so that these stay near.
  parallelFor(blocks * count, 1, [&](int64_t begin, int64_t end) {
    Arena::Scope own;
    auto* const ordered = own.take<float>(tilesOf(kWidth) * stride);
    alignas(64) float held[kTiledRows * kColumns];
    for (int64_t item = begin; item < end; ++item) {
      const int64_t i = item / count * kWidth, columns = std::min(kWidth, dIn - i);
      if (item == begin || item % count == 0) putInOrder(columns, depth, wordsOf(i), ordered, stride);
      const auto& [product, j, sums] = panels[static_cast<size_t>(item % count)];
      const auto& [gradient, dWeight, squares] = *product;
      const int64_t dOut = gradient.dOut_;
      multiplyPanel<Kind>(
          columns, vectorsFrom(j, dOut), gradient.rows_, Left<LeftOrder::kTiles>{ordered, stride},
          gradient.panels_ + j * depth, held, kColumns,
          {dWeight + i * dOut + j, dOut, nullptr, 0, canStream(dWeight), sums ? sums + i / kWidth : nullptr});
    }
    _mm_sfence();
  });
  // In the order of the blocks, whoever has added up which.
  for (const auto& [product, j, sums] : panels)
    for (int64_t block = 0; sums && block < blocks; ++block) *product->squares += sums[block];
}

}  // namespace scmoe

#else

namespace scmoe {

TiledWeightGradient::TiledWeightGradient(Arena::Scope&, bool bf16, int64_t rows, int64_t dIn, int64_t dOut)
    : bf16_(bf16), rows_(rows), dIn_(dIn), dOut_(dOut), depth_(0), panels_(nullptr) {
  throw Error("TiledWeightGradient: this build has no tiled products");
}

void TiledWeightGradient::take(int64_t, int64_t, const float*) const {}
void TiledWeightGradient::take(int64_t, int64_t, const uint16_t*) const {}
float* TiledWeightGradient::words(int64_t, int64_t) const { return nullptr; }
void TiledWeightGradient::multiply(const float*, float*, double*) const {}
void TiledWeightGradient::multiply(const uint16_t*, float*, double*) const {}
void TiledWeightGradient::multiply(const PairedPanels<const uint16_t>&, float*, double*) const {}
void TiledWeightGradient::multiplyAll(const std::vector<Product>&, const float*) {}

}  // namespace scmoe

#endif
