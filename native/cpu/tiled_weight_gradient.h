#pragma once
#include <cstdint>
#include <vector>

#include "core/arena.h"
#include "cpu/paired_panels.h"

namespace scmoe {

/// dWeight (dIn, dOut) = x^T dy, of rows that come block by block and are kept in the order in which tiles read them:
/// where tilesGradients() of tiled_gemm.h says so.
class TiledWeightGradient {
 public:
  TiledWeightGradient(Arena::Scope& scope, bool bf16, int64_t rows, int64_t dIn, int64_t dOut);

  /// Takes `rows` rows of dy from row `first` on, on the calling thread. In bf16 `first` is even, and so is the number
  /// of all blocks' rows but the last.
  void take(int64_t first, int64_t rows, const float* dy) const;
  void take(int64_t first, int64_t rows, const uint16_t* dy) const;
  /// Where else such rows may be written, in bf16: words of row `first` and the one below (zeros below the last), of
  /// the columns from `column` on that are in one panel with it.
  float* words(int64_t first, int64_t column) const;

  /// With all rows taken: x (rows, dIn), with all threads. Adds the sum of the gradient's squares to `squares`, if any.
  void multiply(const float* x, float* dWeight, double* squares) const;
  /// The same of rows that are bf16 already, as they lie or paired.
  void multiply(const uint16_t* x, float* dWeight, double* squares) const;
  void multiply(const PairedPanels<const uint16_t>& x, float* dWeight, double* squares) const;

  /// One of several gradients of layers that have one input.
  struct Product {
    const TiledWeightGradient& gradient;
    float* dWeight;
    double* squares;
  };
  /// The same of all of them, for which the rows of x are brought into order once.
  static void multiplyAll(const std::vector<Product>& all, const float* x);

 private:
  template <typename Kind, typename X>
  static void multiplyRows(const std::vector<Product>& all, const X* x);
  template <typename Kind, typename WordsOf>
  static void multiplyColumns(const std::vector<Product>& all, const WordsOf& wordsOf);

  const bool bf16_;
  const int64_t rows_, dIn_, dOut_;
  /// Words of 32 bits along the depth: two rows each in bf16.
  const int64_t depth_;
  float* const panels_;
};

}  // namespace scmoe
