#pragma once
#include <cstdint>

#include "core/arena.h"
#include "cpu/tile_sums.h"

/// The products of the gradients of a linear layer that has many rows, such as a training step's. A library packs both
/// operands at each call, the whole weight again for each block of rows; here the weight is brought into the order in
/// which tiles read it once for all blocks, rounded to bf16 on the way, rows of dy are read where they are, and brought
/// into that order for the weight's gradient while they are near. The bits are those of streamed_gemm.h, whatever the
/// number of rows and of threads.
namespace scmoe {

/// Whether the gradients of a layer (dIn, dOut) with so many rows are made here: where float32 products would be
/// oneDNN's with AVX-512, in a build for a CPU that multiplies bf16, for sizes that are faster so.
bool tilesGradients(bool bf16, int64_t rows, int64_t dIn, int64_t dOut);

/// The same for the rows' gradient alone, in float32: of smaller weights too, for which a library packs a transposed
/// operand that is used for few rows.
bool tilesInputGradient(bool bf16, int64_t rows, int64_t dIn, int64_t dOut);

/// Rows that are multiplied together: with their operands they stay in the second-level cache.
constexpr int64_t kTiledRows = 96;
/// Columns that are multiplied together.
constexpr int64_t kTiledColumns = 64;
/// What widths of layers in bf16 are multiples of.
constexpr int64_t kTiledUnit = 32;

/// y (rows, dOut) = x (rows, dIn) weight in bf16, for many blocks of rows.
class TiledForward {
 public:
  /// Copies the weight (dIn, dOut) into memory of `scope`, with all threads.
  TiledForward(Arena::Scope& scope, int64_t dIn, int64_t dOut, const float* weight);

  /// At most kTiledRows rows, on the calling thread: the columns of y from `column` on, a multiple of kTiledColumns, as
  /// many as that or as are left. Rows of y are `stride` apart.
  void multiply(int64_t rows, const uint16_t* x, int64_t column, float* y, int64_t stride) const;

 private:
  const int64_t dIn_, dOut_;
  float* const panels_;
};

/// to (rows, 16 vectors) = a (rows, depth) panel (depth, kTiledColumns) in bf16 of operands that are in order already,
/// in one piece of the depth, on the calling thread. Words of 32 bits are two neighbours along the depth. In builds for
/// a CPU that multiplies bf16.
void multiplyInOrder(int64_t rows, int64_t vectors, int64_t depth, const float* a, int64_t aStride, const float* panel,
                     const TileSums& sums);

/// dx (rows, dIn) = dy (rows, dOut) weight^T, for many blocks of rows.
class TiledInputGradient {
 public:
  /// Copies the weight (dIn, dOut) into memory of `scope`, with all threads.
  TiledInputGradient(Arena::Scope& scope, bool bf16, int64_t dIn, int64_t dOut, const float* weight);

  /// At most kTiledRows rows, on the calling thread: float32, or bf16 as the weight is. With `adds` dx is what the
  /// product is added to.
  void multiply(int64_t rows, const float* dy, float* dx, bool adds = false) const;
  void multiply(int64_t rows, const uint16_t* dy, float* dx, bool adds = false) const;
  /// As TiledForward's: some columns of dx.
  void multiply(int64_t rows, const uint16_t* dy, int64_t column, float* dx, int64_t stride) const;

 private:
  const bool bf16_;
  const int64_t dIn_, dOut_;
  float* const panels_;
};

}  // namespace scmoe
